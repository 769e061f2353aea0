use super::*;

fn read(csv: &mut Csv, message: &str) -> Result<(Written, String), usize> {
    let mut out = Writer::default();
    let written = csv.transcode(message.as_bytes(), &mut out).map_err(|fault| fault.offset)?;
    Ok((written, String::from_utf8(out.text().to_vec()).unwrap()))
}

fn learned(messages: &[&str]) -> Option<Csv> {
    let bytes: Vec<&[u8]> = messages.iter().map(|message| message.as_bytes()).collect();
    Csv::of(&bytes, None, false)
}

fn all(messages: &[&str]) -> Vec<String> {
    let mut csv = learned(messages).expect("CSV");
    messages.iter().map(|message| read(&mut csv, message).unwrap().1).collect()
}

#[test]
fn columns_are_named_by_the_header_else_by_index() {
    let read = all(&["time,temp,door", "2026-03-01T12:00:00Z,21.5,open", "2026-03-01T12:00:01Z,21.6,closed"]);
    assert_eq!(read[0], "");
    assert_eq!(read[1], r#"{"time":"2026-03-01T12:00:00Z","temp":21.5,"door":true}"#);
    assert_eq!(all(&["1,2.50,x", "2,2.75,y"])[0], r#"{"0":1,"1":2.50,"2":"x"}"#);
}

#[test]
fn a_header_that_comes_again_is_no_record() {
    let mut csv = learned(&["a,b", "1,2"]).unwrap();
    assert_eq!(read(&mut csv, "a,b\r\n").unwrap().0, Written::Header);
    assert_eq!(read(&mut csv, "3,4\r\n").unwrap(), (Written::Records, r#"{"a":3,"b":4}"#.to_owned()));
}

#[test]
fn a_message_may_bring_several_records() {
    assert_eq!(all(&["a;b\n1,5;x\n-2,25;y\n"]), [r#"[{"a":1.5,"b":"x"},{"a":-2.25,"b":"y"}]"#]);
    assert_eq!(all(&["a,b\n1,2\n", "3,4"]), [r#" {"a":1,"b":2}"#, r#"{"a":3,"b":4}"#], "the header and one record");
}

#[test]
fn quotes_are_those_of_rfc_4180() {
    let mut csv = learned(&["a,b", "1,2"]).unwrap();
    assert_eq!(read(&mut csv, "\"x, \"\"y\"\"\n\" , 7").unwrap().1, "{\"a\":\"x, \\\"y\\\"\\n\",\"b\":7}");
    assert_eq!(read(&mut csv, "\"x,1"), Err(4));
    assert_eq!(read(&mut csv, "\"x\"y,1"), Err(3));
}

#[test]
fn a_record_of_another_length_is_refused_where_it_differs() {
    let mut csv = learned(&["a,b", "1,2"]).unwrap();
    assert_eq!(read(&mut csv, "1,2,3"), Err(4));
    assert_eq!(read(&mut csv, "1"), Err(1));
    assert_eq!(csv.transcode(b"1,\xFF", &mut Writer::default()).unwrap_err().offset, 2);
}

#[test]
fn what_is_no_number_is_text_or_nothing() {
    let mut csv = learned(&["a,b", "1,2"]).unwrap();
    assert_eq!(read(&mut csv, "007,NaN").unwrap().1, r#"{"a":"007","b":null}"#);
    assert_eq!(read(&mut csv, "+1.5,").unwrap().1, r#"{"a":1.5,"b":null}"#);
    assert_eq!(read(&mut csv, "18446744073709551615,.5").unwrap().1, r#"{"a":18446744073709551615,"b":0.5}"#);
}

#[test]
fn sentences_and_other_formats_are_no_csv() {
    assert!(learned(&["hello, world, it is 7 o'clock", "yes, no, maybe"]).is_none());
    let nmea = "!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*24";
    assert!(learned(&[nmea, nmea, nmea]).is_none());
    assert!(learned(&["21.5", "22"]).is_none(), "one column");
    assert!(Csv::of(&[b"21.5", b"22"], None, true).is_some(), "but where it is pinned");
}
