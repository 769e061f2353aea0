use proptest::prelude::*;

use super::*;

fn json(nmea: &mut Nmea, text: &str) -> String {
    let mut out = Writer::default();
    nmea.transcode(text.as_bytes(), &mut out).expect(text);
    String::from_utf8(out.text().to_vec()).unwrap()
}

fn read(text: &str) -> serde_json::Value {
    let written = json(&mut Nmea::default(), text);
    serde_json::from_str(&written).expect(&written)
}

/// The sentence with its checksum.
fn sealed(body: &str) -> String {
    let start = if body.starts_with("AI") { '!' } else { '$' };
    format!("{start}{body}*{:02X}", sentence::xor(body.as_bytes()))
}

fn refused(text: &[u8]) -> Fault {
    Nmea::default().transcode(text, &mut Writer::default()).unwrap_err()
}

#[test]
fn a_position_report_is_decoded() {
    // The example of gpsd's "AIVDM/AIVDO protocol decoding".
    let ship = read("!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C");
    assert_eq!((&ship["msg_type"], &ship["mmsi"], &ship["status"]), (&1.into(), &477_553_000.into(), &5.into()));
    assert_eq!((&ship["lon"], &ship["lat"]), (&(-122.345_833).into(), &47.582_833.into()));
    assert_eq!((&ship["speed"], &ship["course"], &ship["heading"]), (&0.0.into(), &51.0.into(), &181.into()));
    assert_eq!((&ship["turn"], &ship["radio_channel"], &ship["checksum"]), (&0.0.into(), &"B".into(), &"5C".into()));
}

#[test]
fn a_message_in_two_sentences_is_read_with_the_second() {
    let parts = [
        "!AIVDM,2,1,1,A,55?MbV02;H;s<HtKR20EHE:0@T4@Dn2222222216L961O5Gf0NSQEp6ClRp8,0*1C",
        "!AIVDM,2,2,1,A,88888888880,2*25",
    ];
    let mut nmea = Nmea::default();
    let first = json(&mut nmea, parts[0]);
    assert!(first.contains("\"fragment\":\"1/2\"") && !first.contains("mmsi"), "{first}");
    // Of another group in between.
    json(&mut nmea, &sealed("AIVDM,2,1,2,A,55?MbV02;H;s,0"));
    let ship: serde_json::Value = serde_json::from_str(&json(&mut nmea, parts[1])).unwrap();
    assert_eq!((&ship["msg_type"], &ship["mmsi"]), (&5.into(), &351_759_000.into()));
    assert_eq!((&ship["shipname"], &ship["callsign"]), (&"EVER DIADEM".into(), &"3FOF8".into()));
    assert_eq!((&ship["imo"], &ship["destination"]), (&"IMO 9134270".into(), &"NEW YORK".into()));
    assert_eq!((&ship["draught"], &ship["to_bow"], &ship["eta"]), (&12.2.into(), &225.into(), &"05-15 14:00".into()));
    // A second part whose first one did not come waits for none.
    for part in [parts[1], parts[0], parts[0]] {
        assert!(!json(&mut nmea, part).contains("mmsi"));
    }
    assert!(json(&mut nmea, parts[1]).contains("mmsi"));
}

#[test]
fn unfinished_messages_are_bounded() {
    let mut nmea = Nmea::default();
    for group in 0..1000 {
        json(&mut nmea, &sealed(&format!("AIVDM,2,1,{group},A,55?MbV02;H;s,0")));
    }
    // What is oldest was let go.
    assert!(!json(&mut nmea, &sealed("AIVDM,2,2,0,A,88888888880,2")).contains("mmsi"));
    assert!(json(&mut nmea, &sealed("AIVDM,2,2,999,A,88888888880,2")).contains("mmsi"));
}

#[test]
fn what_is_not_available_is_null() {
    // All ones but for type and sender: nothing is known of the ship.
    let body = format!("AIVDM,1,1,,A,1{},0", "wwwwwwwwwwwwwwwwwwwwwwwwwww");
    let ship = read(&sealed(&body));
    for name in ["status", "speed", "course", "heading", "second"] {
        assert_eq!(ship[name], serde_json::Value::Null, "{name}: {ship}");
    }
}

#[test]
fn positions_times_and_numbers_of_gnss_are_plain() {
    let fix = read("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47");
    assert_eq!((&fix["lat"], &fix["lon"], &fix["utc"]), (&48.1173.into(), &11.516_666_67.into(), &"12:35:19".into()));
    assert_eq!((&fix["satellites"], &fix["altitude_m"], &fix["dgps_age_s"]), (&8.into(), &545.4.into(), &().into()));
    let track = read(&sealed("GPRMC,123519.25,A,4807.038,S,01131.000,W,022.4,084.4,230394,003.1,W"));
    assert_eq!((&track["lat"], &track["lon"]), (&(-48.1173).into(), &(-11.516_666_67).into()));
    assert_eq!((&track["time"], &track["variation"]), (&"1994-03-23T12:35:19.25Z".into(), &(-3.1).into()));
    assert_eq!((&track["speed"], &track["course"]), (&22.4.into(), &84.4.into()));
    assert_eq!(read(&sealed("GPZDA,201530.00,04,07,2002,00,00"))["time"], "2002-07-04T20:15:30.00Z");
    assert_eq!(read(&sealed("HEHDT,054.7,T"))["heading"], 54.7);
    assert_eq!(read(&sealed("SDDBT,007.8,f,002.4,M,001.3,F"))["depth_m"], 2.4);
    let wind = read(&sealed("WIMWV,214.8,R,0.1,K,A"));
    assert_eq!((&wind["wind_angle"], &wind["wind_speed"], &wind["unit"]), (&214.8.into(), &0.1.into(), &"K".into()));
    let view = read(&sealed("GPGSV,3,1,11,03,03,111,00,04,15,270,"));
    assert_eq!((&view["satellites"], &view["view"][1]["prn"]), (&11.into(), &"04".into()));
    assert_eq!((&view["view"][0]["snr"], &view["view"][1]["snr"]), (&0.into(), &().into()));
    assert_eq!(read(&sealed("GPVTG,054.7,T,034.4,M,005.5,N,010.2,K"))["speed_kmh"], 10.2);
    assert_eq!(read(&sealed("PGRME,15.0,M,,M,007"))["fields"], serde_json::json!([15.0, "M", null, "M", "007"]));
}

#[test]
fn of_a_damaged_sentence_only_its_type_is_told() {
    let mut nmea = Nmea::default();
    let written = json(&mut nmea, "!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKJ,0*5C");
    assert_eq!(written, r#"{"talker":"AI","type":"VDM","checksum":"5C"}"#);
    assert_eq!(nmea.sum(), Some((0x5C, 0x5E)));
    json(&mut nmea, "$GPHDT,054.7,T");
    assert_eq!(nmea.sum(), None);
}

#[test]
fn tag_blocks_and_several_lines_are_read() {
    let text = format!("\\s:rx1,c:1700000000*5C\\{}\r\n{}\r\n", sealed("HEHDT,1.0,T"), sealed("HEHDT,2.0,T"));
    let both = read(&text);
    assert_eq!((&both[0]["tag_time"], &both[0]["tag_source"]), (&1_700_000_000.into(), &"rx1".into()));
    assert_eq!((&both[0]["heading"], &both[1]["heading"]), (&1.0.into(), &2.0.into()));
    assert!(fits(text.as_bytes()));
}

#[test]
fn what_is_no_sentence_is_refused_where_it_is_none() {
    assert_eq!(refused(b"").offset, 0);
    assert_eq!(refused(b"hello").offset, 0);
    assert_eq!(refused(b"$gpgga,1").offset, 1);
    assert_eq!(refused(b"$GPGGA").offset, 1);
    assert_eq!(refused(b"$GPHDT,\x01,T").offset, 7);
    assert_eq!(refused(b"$GPHDT,1,T*4").offset, 11);
    assert_eq!(refused(b"$GPHDT,1,T\n$GPHDT\xFF,1").offset, 17);
    assert_eq!(refused(b"\\s:a*00").offset, 7);
}

/// The same data, decoded by another hand.
#[test]
fn pyais_says_the_same() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/feeds/ais_decoded.jsonl");
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let mut compared = 0;
    for line in text.lines() {
        let theirs: serde_json::Value = serde_json::from_str(line).unwrap();
        let ours = read(theirs["nmea"].as_str().unwrap());
        for name in
            ["msg_type", "mmsi", "status", "shipname", "callsign", "partno", "accuracy", "raim", "to_bow", "epfd"]
        {
            if !theirs[name].is_null() && !ours[name].is_null() {
                assert_eq!(ours[name], theirs[name], "{name}: {line}");
            }
        }
        for (name, nothing) in
            [("speed", 102.3), ("course", 360.0), ("heading", 511.0), ("lat", 91.0), ("lon", 181.0), ("second", 60.0)]
        {
            // A base station tells all of its time.
            let Some(value) = theirs[name].as_f64().filter(|_| name != "second" || theirs["msg_type"] != 4) else {
                continue;
            };
            assert_eq!(ours[name].as_f64(), (value < nothing).then_some(value), "{name}: {line}");
            compared += 1;
        }
        if theirs["msg_type"] == 4 {
            let [year, month, day, hour, minute, second] =
                ["year", "month", "day", "hour", "minute", "second"].map(|name| theirs[name].as_u64().unwrap());
            let time = format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
            assert_eq!(ours["time"], time, "{line}");
        }
        if let Some(turn) = theirs["turn"].as_f64().filter(|turn| turn.abs() < 127.0) {
            assert_eq!(ours["turn"].as_f64(), Some(turn), "{line}");
        }
    }
    assert!(compared > 4000, "{compared}");
}

fn sentences() -> impl Strategy<Value = Vec<u8>> {
    let kinds =
        prop::sample::select(vec!["AIVDM", "AIVDO", "GPGGA", "GPRMC", "GPGSV", "GPZDA", "IIXDR", "PGRME", "GPXXX"]);
    let field =
        prop_oneof!["[0-9.+-]{0,12}", "[0-W`-w]{0,60}", "[ -~]{0,6}", Just("1".to_owned()), Just("2".to_owned())];
    (kinds, prop::collection::vec(field, 0..20), any::<Option<u8>>(), any::<bool>()).prop_map(
        |(kind, fields, sum, right)| {
            let body = format!("{kind},{}", fields.join(",").replace(['*', '\\'], ""));
            let sum = if right { Some(sentence::xor(body.as_bytes())) } else { sum };
            let start = if kind.starts_with("AI") { '!' } else { '$' };
            format!("{start}{body}{}", sum.map_or_else(String::new, |sum| format!("*{sum:02x}"))).into_bytes()
        },
    )
}

proptest! {
    #[test]
    fn no_bytes_panic_and_what_is_written_is_json(bytes: Vec<u8>, made in prop::collection::vec(sentences(), 1..6), edits: Vec<(prop::sample::Index, u8)>) {
        let mut nmea = Nmea::default();
        let mut damaged = made.join(&b'\n');
        let whole = damaged.clone();
        for (at, byte) in edits {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        for text in [&bytes, &damaged, &whole] {
            let mut out = Writer::default();
            if nmea.transcode(text, &mut out).is_ok() {
                let written: Result<serde_json::Value, _> = serde_json::from_slice(out.text());
                prop_assert!(written.is_ok(), "{}", String::from_utf8_lossy(out.text()));
            }
        }
        prop_assert!(nmea.transcode(&whole, &mut Writer::default()).is_ok());
    }
}
