//! Published vectors.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use feedwatch_model::{MessageMeta, Time};

use super::*;
use crate::learn::roles::Seen;

fn message(payload: &str, headers: &[(&str, &str)]) -> Message {
    let mut message = Message::new(0, Time::from_millis(0), payload.to_owned());
    let headers = headers.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    message.meta = Some(Box::new(MessageMeta { headers, ..MessageMeta::default() }));
    message
}

/// Method, and whether it fits; of a message without leaves.
fn checked(key: &SignatureKey, message: &Message) -> Option<(&'static str, bool)> {
    let seen = Seen { leaves: &[], elements: &[], text: &[], message, outer: Default::default() };
    let found = Signatures::new(key).check(&Trie::new(10), &View::of(&seen), 0);
    found.map(|(_, method, judged)| (method, judged.fits))
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let size = if length < 128 { vec![length as u8] } else { vec![0x82, (length >> 8) as u8, length as u8] };
    [&[tag][..], &size, content].concat()
}

/// A SubjectPublicKeyInfo.
fn public(algorithm: &[u8], key: &[u8]) -> SignatureKey {
    let info = der(0x30, &[der(0x30, algorithm), der(0x03, &[&[0][..], key].concat())].concat());
    let from_der = SignatureKey::public(&info).unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&info));
    assert_eq!(SignatureKey::public(pem.as_bytes()).unwrap(), from_der);
    from_der
}

fn url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

const RSA: [u8; 13] = [6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1, 5, 0];
const P256: [u8; 19] = [6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
const ED25519: [u8; 5] = [6, 3, 0x2B, 0x65, 0x70];
/// RFC 7515, A.1 to A.3: the same payload.
const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn signed(header: &str, signature: &str) -> String {
    format!("{header}.{CLAIMS}.{signature}")
}

#[test]
fn rfc_4231_in_a_header() {
    let sum = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let coded = STANDARD.encode(
        crate::guard::digest::method::read(sum.as_bytes(), crate::guard::digest::method::Written::Hex, 32)
            .unwrap()
            .bytes(),
    );
    for value in [sum.to_owned(), format!("sha256={sum}"), sum.to_uppercase(), coded] {
        let message = message("what do ya want for nothing?", &[("X-Signature", &value)]);
        assert_eq!(checked(&SignatureKey::secret("Jefe"), &message), Some(("hmac-sha256", true)), "{value}");
        assert_eq!(checked(&SignatureKey::secret("jefe"), &message), Some(("hmac-sha256", false)));
    }
}

#[test]
fn githubs_and_slacks_examples_fit() {
    let sum = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let github = message("Hello, World!", &[("x-hub-signature-256", sum)]);
    assert_eq!(checked(&SignatureKey::secret("It's a Secret to Everybody"), &github), Some(("hmac-sha256", true)));
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let sum = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    let slack = message(body, &[("X-Slack-Request-Timestamp", "1531420618"), ("X-Slack-Signature", sum)]);
    assert_eq!(checked(&SignatureKey::secret("8f742231b10e8888abcd99yyyzzz85a5"), &slack), Some(("hmac-sha256", true)));
}

#[test]
fn stripes_and_standard_webhooks_layouts_fit() {
    let sign = |secret: &[u8], text: &str| {
        ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret), text.as_bytes())
    };
    let hex: String = sign(b"whsec_k", "1700000000.{}").as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let stripe = message("{}", &[("Stripe-Signature", &format!("t=1700000000,v1={},v1={hex},v0=00", "0".repeat(64)))]);
    assert_eq!(checked(&SignatureKey::secret("whsec_k"), &stripe), Some(("hmac-sha256", true)));
    let tag = STANDARD.encode(sign(b"secret", "msg_1.1700000000.{}"));
    let headers =
        [("webhook-id", "msg_1"), ("webhook-timestamp", "1700000000"), ("webhook-signature", &format!("v1,{tag}"))];
    let secret = SignatureKey::secret(format!("whsec_{}", STANDARD.encode("secret")));
    assert_eq!(checked(&secret, &message("{}", &headers)), Some(("hmac-sha256", true)));
}

#[test]
fn rfc_7515_a_1_hs256() {
    let key = url("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    let token = signed("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let key = SignatureKey::secret(key);
    assert_eq!(checked(&key, &message(&token, &[])), Some(("jws-hs256", true)));
    let bearer = message("{}", &[("Authorization", &format!("Bearer {token}"))]);
    assert_eq!(checked(&key, &bearer), Some(("jws-hs256", true)));
    assert_eq!(checked(&key, &message(&token.replace("eyJpc3M", "eyJpc3N"), &[])), Some(("jws-hs256", false)));
}

#[test]
fn rfc_7515_a_2_rs256() {
    let n = url(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    );
    let inner = der(0x30, &[der(2, &[&[0][..], &n].concat()), der(2, &[1, 0, 1])].concat());
    let key = public(&RSA, &inner);
    let token = signed(
        "eyJhbGciOiJSUzI1NiJ9",
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    );
    assert_eq!(checked(&key, &message(&token, &[])), Some(("jws-rs256", true)));
    // The public key as a secret of HMAC: the old trick.
    let forged = signed("eyJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(checked(&public(&RSA, &inner), &message(&forged, &[])), Some(("jws-hs256", false)));
}

#[test]
fn rfc_7515_a_3_es256_and_rfc_8037_a_4_eddsa() {
    let point = [
        vec![4],
        url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
        url("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
    ];
    let token = signed(
        "eyJhbGciOiJFUzI1NiJ9",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
    assert_eq!(checked(&public(&P256, &point.concat()), &message(&token, &[])), Some(("jws-es256", true)));
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let key = public(&ED25519, &url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"));
    assert_eq!(checked(&key, &message(token, &[])), Some(("jws-eddsa", true)));
    // Detached (RFC 7515, appendix F).
    let [header, _, signature] = jws::parts(token.as_bytes()).unwrap().map(|part| std::str::from_utf8(part).unwrap());
    let detached = message("Example of Ed25519 signing", &[("x-jws-signature", &format!("{header}..{signature}"))]);
    assert_eq!(checked(&key, &detached), Some(("jws-eddsa", true)));
}

#[test]
fn no_algorithm_is_none() {
    // {"alg":"none"}
    let token = format!("eyJhbGciOiJub25lIn0.{CLAIMS}.AA");
    assert_eq!(checked(&SignatureKey::secret("k"), &message(&token, &[])), Some(("jws", false)));
}

#[test]
fn what_is_no_public_key_is_refused_and_no_key_is_shown() {
    for wrong in
        [&b""[..], b"hello", b"-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----", &[0x30, 0x03, 0x30, 0x01]]
    {
        assert!(SignatureKey::public(wrong).is_err());
    }
    let shown = format!("{:?}", Signatures::new(&SignatureKey::secret("hunter2")));
    assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
}
