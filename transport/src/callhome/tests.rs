use proptest::prelude::*;

use super::*;

fn dispatch() -> Dispatch {
    Dispatch {
        udi: Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap(),
        number: 1,
        created: Wall(1_772_445_720_500),
    }
}

/// `spec/formats.md` §9, line by line.
#[test]
fn an_envelope_is_written_as_the_format_gives_it() {
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<soap-env:Envelope xmlns:soap-env="http://www.w3.org/2003/05/soap-envelope">
<soap-env:Header>
<aml-session:Session xmlns:aml-session="http://www.cisco.com/2004/01/aml-session" soap-env:mustUnderstand="true" soap-env:role="http://www.w3.org/2003/05/soap-envelope/role/next">
<aml-session:To>http://tools.cisco.com/neddce/services/DDCEService</aml-session:To>
<aml-session:Path><aml-session:Via>http://www.cisco.com/appliance/uri</aml-session:Via></aml-session:Path>
<aml-session:From>http://www.cisco.com/appliance/uri</aml-session:From>
<aml-session:MessageId>M1:FDO00000001:69A56018</aml-session:MessageId>
</aml-session:Session>
</soap-env:Header>
<soap-env:Body>
<aml-block:Block xmlns:aml-block="http://www.cisco.com/2004/01/aml-block">
<aml-block:Header>
<aml-block:Type>http://www.cisco.com/2005/05/callhome/smart_licensing</aml-block:Type>
<aml-block:CreationDate>2026-03-02 10:02:00 GMT+00:00</aml-block:CreationDate>
<aml-block:Builder><aml-block:Name>N9K-C93180YC-FX3</aml-block:Name><aml-block:Version>2.0</aml-block:Version></aml-block:Builder>
<aml-block:BlockGroup><aml-block:GroupId>G1:FDO00000001:69A56018</aml-block:GroupId><aml-block:Number>0</aml-block:Number><aml-block:IsLast>true</aml-block:IsLast></aml-block:BlockGroup>
</aml-block:Header>
<aml-block:Attachments><aml-block:Attachment type="inline"><aml-block:Name>smart_licensing_data</aml-block:Name><aml-block:Data encoding="plain"><![CDATA[{"request":"<>&"}]]></aml-block:Data></aml-block:Attachment></aml-block:Attachments>
</aml-block:Block>
</soap-env:Body>
</soap-env:Envelope>
"#;
    let words = WireProfile::default();
    assert_eq!(encode_callhome_request(&dispatch(), r#"{"request":"<>&"}"#, &words).unwrap(), expected);
}

#[test]
fn each_direction_has_its_own_attachment() {
    let words = WireProfile::default();
    let request = encode_callhome_request(&dispatch(), "{}", &words).unwrap();
    let response = encode_callhome_response(&dispatch(), "{}", &words).unwrap();
    assert_eq!(decode_callhome_request(request.as_bytes(), &words).unwrap().message, "{}");
    assert_eq!(decode_callhome_response(response.as_bytes(), &words).unwrap().message, "{}");
    for (bytes, decode) in [
        (&response, decode_callhome_request as fn(&[u8], &WireProfile) -> Result<Delivery, DecodeError>),
        (&request, decode_callhome_response),
    ] {
        assert_eq!(decode(bytes.as_bytes(), &words).unwrap_err().rule, Rule::Present);
    }
}

/// What else may be written for the same: other prefixes, blanks, text in place of CDATA, further attachments.
#[test]
fn a_stranger_may_write_xml_in_its_own_way() {
    let text = r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>
        <x:Session xmlns:x="a"><x:MessageId> M12:FDO00000001:69a56018 </x:MessageId></x:Session></s:Header>
        <s:Body><Block><Header><BlockGroup><GroupId>G12:FDO00000001:69A56018</GroupId><Number>0</Number>
        <IsLast>true</IsLast></BlockGroup></Header><Attachments>
        <Attachment><Name>log</Name><Data>x</Data></Attachment>
        <Attachment><Name>smart_licensing_response</Name><Data> {&quot;a&quot;:1} </Data></Attachment>
        </Attachments></Block></s:Body></s:Envelope>"#;
    let delivery = decode_callhome_response(text.as_bytes(), &WireProfile::default()).unwrap();
    assert_eq!(delivery.message, "{\"a\":1}");
    assert_eq!((delivery.message_id.number, delivery.group_id.secs), (12, 0x69A5_6018));
    assert_eq!(format!("{delivery:?}").matches("{\"a").count(), 0, "contents stay out of debug output");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let words = WireProfile::default();
    let good = encode_callhome_request(&dispatch(), "{}", &words).unwrap();
    let table = [
        ("<soap-env:Body>", "<soap-env:Fault>", Rule::Xml, "message"),
        ("MessageId>M1:", "MessageId>N1:", Rule::Word, "Envelope.MessageId"),
        ("GroupId>G1:", "GroupId>G:", Rule::Word, "Envelope.GroupId"),
        (":69A56018</aml-block", "</aml-block", Rule::Word, "Envelope.GroupId"),
        (":69A56018</aml-block", ":+9A56018</aml-block", Rule::Word, "Envelope.GroupId"),
        (">true<", ">false<", Rule::Word, "Envelope.BlockGroup"),
        (">smart_licensing_data<", ">other<", Rule::Present, "Envelope.Attachments"),
        ("aml-block:Data", "aml-block:Datum", Rule::Present, "Envelope.Attachment.Data"),
        ("soap-env:Envelope", "soap-env:Letter", Rule::Root, "message"),
        (
            "<soap-env:Envelope ",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><soap-env:Envelope ",
            Rule::NoDtd,
            "message",
        ),
        ("<soap-env:Header>", "<soap-env:Header>&b;", Rule::NoDtd, "message"),
    ];
    for (from, to, rule, place) in table {
        let error = decode_callhome_request(good.replace(from, to).as_bytes(), &words).unwrap_err();
        let field = if error.field.is_empty() { "message" } else { &error.field };
        assert_eq!((error.rule, field), (rule, place), "{from} -> {to}: {error}");
    }
}

#[test]
fn sizes_and_counts_have_their_limits() {
    let words = WireProfile::default();
    let big = "x".repeat(MAX_BYTES);
    assert!(matches!(encode_callhome_request(&dispatch(), &big, &words), Err(EncodeError::TooLarge(_))));
    let good = encode_callhome_request(&dispatch(), "{}", &words).unwrap();
    let many = "<a/>".repeat(MAX_ATTACHMENTS);
    let crowded = good.replace("<aml-block:Attachments>", &format!("<aml-block:Attachments>{many}"));
    assert_eq!(decode_callhome_request(crowded.as_bytes(), &words).unwrap_err().rule, Rule::Count);
    let deep = good.replace("{}", &format!("]]>{}<![CDATA[", "<a>".repeat(40)));
    assert_eq!(decode_callhome_request(deep.as_bytes(), &words).unwrap_err().rule, Rule::Depth);
    let padded = good + &" ".repeat(MAX_BYTES);
    assert_eq!(decode_callhome_request(padded.as_bytes(), &words).unwrap_err().rule, Rule::Size);
}

proptest! {
    #[test]
    fn any_message_of_any_device_survives_the_envelope(
        message in ".*", serial in "[!-~]{1,16}", number: u32, secs in 0..4_000_000_000_i64,
    ) {
        let Ok(udi) = Udi::new("N9K-C93180YC-FX3", &serial) else { return Ok(()) };
        let dispatch = Dispatch { udi, number, created: Wall::from_secs(secs) };
        let words = WireProfile::default();
        let text = encode_callhome_request(&dispatch, &message, &words).unwrap();
        let delivery = decode_callhome_request(text.as_bytes(), &words).unwrap();
        prop_assert_eq!(delivery.message, message);
        prop_assert_eq!(delivery.message_id, dispatch.message_id());
        prop_assert_eq!(delivery.group_id, dispatch.group_id());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, at: prop::sample::Index, piece in "[<>/&;a-z!\\[\\]\"=: ]{0,12}") {
        let words = WireProfile::default();
        let _ = decode_callhome_request(&bytes, &words);
        let mut text = encode_callhome_response(&dispatch(), "{}", &words).unwrap();
        let place = at.index(text.len());
        text.insert_str(place, &piece);
        let _ = decode_callhome_response(text.as_bytes(), &words);
        text.truncate(place);
        let _ = decode_callhome_response(text.as_bytes(), &words);
    }
}
