//! Streams: where they are begun, what of them is missing, what cannot be given, looks.

use super::*;

#[test]
fn a_stream_is_begun_at_its_beginning_at_its_end_or_at_a_time() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    client.put(messages("plant.a", 1..=100));
    let homes = [Home::new(), Home::new(), Home::new()];
    let start = |home: &Home, durable: &str, start: &str| {
        home.engine(&of_stream(nats.port, &format!("durable = \"{durable}\"\nstart = \"{start}\"")))
    };
    let earliest = start(&homes[0], "first", "earliest");
    settled(&earliest, "plant", 100);
    let messages_of = |engine: &Engine| kept(&engine.reader().expect("a history"));
    let said = beside(&messages_of(&earliest)[99]);
    assert_eq!((&said["lane"], &said["offset"], &said["redelivered"]), (&"PLANT".into(), &100.into(), &Value::Null));
    // The broker's own time of a message in the middle is where the next one begins.
    let middle = beside(&messages_of(&earliest)[60])["time"].as_str().expect("a time").to_owned();
    let at = start(&homes[1], "second", &middle);
    let latest = start(&homes[2], "third", "latest");
    is_read(&client, "third");
    client.put(messages("plant.a", 101..=150));
    settled(&at, "plant", 90);
    settled(&latest, "plant", 50);
    settled(&earliest, "plant", 150);
    each_once(&messages_of(&earliest), 1..=150);
    each_once(&messages_of(&at), 61..=150);
    each_once(&messages_of(&latest), 101..=150);
    // What comes while it is away waits, though nothing before it was wanted.
    latest.stop();
    is_done(&client, "third");
    client.put(messages("plant.a", 151..=180));
    let latest = start(&homes[2], "third", "latest");
    settled(&latest, "plant", 30);
    each_once(&messages_of(&latest), 101..=180);
    for (engine, durable) in [(earliest, "first"), (at, "second"), (latest, "third")] {
        settled(&engine, "plant", 30);
        engine.stop();
        is_done(&client, durable);
    }
}

#[test]
fn a_part_of_a_stream_is_read_by_its_subjects() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>", "x.>"]);
    client.put(
        messages("plant.a.level", 1..=50).chain(messages("plant.a.flow", 900..=950)).chain(messages("x.y", 51..=60)),
    );
    let home = Home::new();
    let config = |subjects: &str| of_stream(nats.port, &format!("subjects = {subjects}\nstart = \"earliest\""));
    let engine = home.engine(&config("[\"plant.*.level\", \"x.>\"]"));
    settled(&engine, "plant", 60);
    engine.stop();
    each_once(&kept(&home.reader()), 1..=60);
    // Other subjects from now on: the consumer of ours gets them.
    client.put(messages("x.y", 61..=70));
    let engine = home.engine(&config("[\"plant.*.level\"]"));
    is_read(&client, DURABLE);
    client.put(messages("plant.b.level", 71..=80));
    wait_until("what fits is there", LONG, || accounts(&engine, "plant").stored == 10);
    engine.stop();
    let read = read(&kept(&home.reader()));
    assert_eq!(read, (1..=60).chain(71..=80).collect::<Vec<_>>());
}

#[test]
fn what_a_stream_has_deleted_unread_is_a_gap_with_its_count() {
    let nats = Nats::start();
    let client = nats.client();
    let of = |name: &str, subject: &str, max_messages| stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        max_messages,
        ..stream::Config::default()
    };
    client.make(of("PLANT", "plant.>", 100));
    let home = Home::new();
    let config = of_stream(nats.port, "start = \"earliest\"");
    client.put(messages("plant.a", 1..=10));
    let engine = home.engine(&config);
    settled(&engine, "plant", 10);
    engine.stop();
    is_done(&client, DURABLE);
    client.put(messages("plant.a", 11..=210));
    let engine = home.engine(&config);
    settled(&engine, "plant", 100);
    let gaps = gaps(&engine, "plant");
    let sentence = "The stream PLANT has deleted 100 messages before they were read: they are lost.";
    assert!(gaps.iter().any(|gap| gap.contains(sentence)), "{gaps:#?}");
    assert_eq!(gaps.iter().filter(|gap| gap.contains("has deleted")).count(), 1, "it is told once: {gaps:#?}");
    engine.stop();
    assert_eq!(read(&kept(&home.reader())), (1..=10).chain(111..=210).collect::<Vec<_>>());
    assert!(home.reader().gaps(Some(kept_feed(&home)), Time::MIN, Time::MAX).is_ok_and(|gaps| {
        gaps.iter().any(|gap| gap.cause != GapCause::Stopped && gap.detail.contains("deleted 100 messages"))
    }));
}

#[test]
fn what_a_stream_deletes_unread_while_it_is_read_is_a_gap_with_its_count() {
    let nats = Nats::start();
    let client = nats.client();
    client.make(stream::Config {
        name: "PLANT".to_owned(),
        subjects: vec!["plant.>".to_owned()],
        max_messages: 100,
        ..stream::Config::default()
    });
    let proxy = Proxy::to(nats.address());
    let home = Home::new();
    let engine = home.engine(&of_stream(proxy.address().port(), "start = \"earliest\"\nmax_ack_pending = 10"));
    client.put(messages("plant.a", 1..=20));
    settled(&engine, "plant", 20);
    // Some are on their way already, at most as many as may be open; of the others the stream keeps the last hundred.
    proxy.stall();
    client.put(messages("plant.a", 21..=520));
    proxy.flow();
    wait_until("the last ones are there", LONG, || {
        read(&kept(&engine.reader().expect("a history"))).last() == Some(&520)
    });
    let read = read(&kept(&engine.reader().expect("a history")));
    assert!(read.is_sorted_by(|a, b| a < b), "each once, in order: {read:?}");
    assert!(
        read.starts_with(&(1..=20).collect::<Vec<_>>()) && read.ends_with(&(421..=520).collect::<Vec<_>>()),
        "{read:?}"
    );
    let missing = 520 - read.len() as u64;
    assert!(missing >= 390, "no more than ten were on their way: {read:?}");
    // What is missing at the session's end is told by it, the rest by the next one.
    let told = || -> u64 {
        let gaps = gaps(&engine, "plant");
        let counts = gaps.iter().filter_map(|gap| gap.split_once("The stream PLANT has deleted ")?.1.split(' ').next());
        counts.map(|count| count.parse::<u64>().expect("a number")).sum()
    };
    wait_until(&format!("all {missing} are told"), LONG, || told() == missing);
    assert!(proxy.accepted() >= 2, "a session ended with it, and the next one went on");
    engine.stop();
    is_done(&client, DURABLE);
}

fn kept_feed(home: &Home) -> feedwatch_model::FeedId {
    home.reader().feeds().expect("feeds").first().expect("a feed").id
}

#[test]
fn a_stream_made_anew_is_read_whole_by_a_lane_of_its_own() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    let home = Home::new();
    let config = of_stream(nats.port, "");
    let engine = home.engine(&config);
    is_read(&client, DURABLE);
    client.put(messages("plant.a", 1..=100));
    settled(&engine, "plant", 100);
    is_done(&client, DURABLE);

    // While it is read: the consumer goes with the stream.
    client.delete_stream("PLANT");
    says(&engine, "plant", "There is no stream PLANT");
    state(&engine, "plant", "refused");
    engine.stop();
    client.make_stream("PLANT", &["plant.>"]);
    client.put(messages("plant.a", 101..=150));
    let engine = home.engine(&config);
    settled(&engine, "plant", 50);
    let lane = |engine: &Engine, at: usize| beside(&kept(&engine.reader().expect("a history"))[at])["lane"].clone();
    assert_eq!((lane(&engine, 99), lane(&engine, 149)), ("PLANT".into(), "PLANT#1".into()));
    is_done(&client, DURABLE);

    // A consumer alone that is deleted is made anew, where the history ends.
    client.delete_consumer("PLANT", DURABLE);
    client.put(messages("plant.a", 151..=200));
    says(&engine, "plant", "The consumer was deleted at the server");
    settled(&engine, "plant", 100);
    assert_eq!(lane(&engine, 199), "PLANT#1");
    let books = accounts(&engine, "plant");
    assert_eq!((books.stored, books.duplicate), (100, 0), "{books:?}");
    engine.stop();
    each_once(&kept(&home.reader()), 1..=200);
}

#[test]
fn what_jetstream_cannot_give_is_told_with_the_cure() {
    let nats = Nats::start();
    let bare = Nats::with(|_| String::new());
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    let durable = |name: &str| Some(name.to_owned());
    client.make_push(
        "PLANT",
        consumer::push::Config {
            durable_name: durable("push"),
            deliver_subject: "somewhere".to_owned(),
            ..consumer::push::Config::default()
        },
    );
    for (name, ack_policy, filter_subject) in
        [("careless", consumer::AckPolicy::None, ""), ("other", consumer::AckPolicy::Explicit, "plant.x")]
    {
        client.make_pull(
            "PLANT",
            consumer::pull::Config {
                durable_name: durable(name),
                ack_policy,
                filter_subject: filter_subject.to_owned(),
                ..consumer::pull::Config::default()
            },
        );
    }
    let home = Home::new();
    let feed = |name: &str, port: u16, stream: &str, more: &str| {
        format!("[feed.{name}.nats]\nurl = \"nats://127.0.0.1:{port}\"\nstream = \"{stream}\"\n{more}\n")
    };
    let config = [
        feed("absent", nats.port, "ABSENT", ""),
        feed("bare", bare.port, "PLANT", ""),
        feed("push", nats.port, "PLANT", "durable = \"push\""),
        feed("careless", nats.port, "PLANT", "durable = \"careless\""),
        feed("other", nats.port, "PLANT", "durable = \"other\"\nsubjects = [\"plant.y\"]"),
        feed("foreign", nats.port, "PLANT", "subjects = [\"elsewhere\"]"),
        feed("plant", nats.port, "PLANT", ""),
        feed("small", nats.port, "PLANT", "max_message = \"10kB\""),
    ];
    let engine = home.engine(&config.concat());
    for (feed, part) in [
        ("absent", "There is no stream ABSENT"),
        ("bare", "JetStream is not enabled"),
        ("push", "already that sends by itself (push)"),
        ("careless", "has the acknowledgement policy \\\"none\\\""),
        ("other", "takes other subjects (plant.x)"),
        // The server takes a consumer for subjects that its stream does not have.
        ("plant", "live"),
    ] {
        says(&engine, feed, part);
    }
    // Another console with a feed of this name would get half of the messages: it is told.
    is_read(&client, DURABLE);
    let other = Home::new();
    let second = other.engine(&feed("plant", nats.port, "PLANT", ""));
    says(&second, "plant", "The consumer feedwatch-plant is read already");
    second.stop();
    // A message that is too large stops the feed with the cure, and is not passed over.
    is_read(&client, "feedwatch-small");
    client.put([("plant.a".to_owned(), format!("{{\"a\":\"{}\"}}", "x".repeat(20_000)))]);
    says(&engine, "small", "A message of 20008 bytes is larger than the limit of 10000 bytes");
    assert_eq!(settled(&engine, "plant", 1).stored, 1);
    engine.stop();
}

#[test]
fn a_look_learns_subjects_and_streams_and_leaves_nothing_behind() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    client.put(messages("plant.a", 1..=300));
    let home = Home::new();
    let port = nats.port;
    let ended = home.run(&["probe", &format!("nats://127.0.0.1:{port}/?stream=PLANT"), "--json", "--for", "3s"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report = ended.json();
    assert_eq!(report["protocol"], "nats");
    assert_eq!(report["accounts"]["received"], 100, "{report:#}");
    assert_eq!(report["source"], format!("nats://127.0.0.1:{port}/?stream=PLANT"));
    let names: Vec<&str> = report["profile"]["kinds"][0]["series"]
        .as_array()
        .expect("series")
        .iter()
        .filter_map(|series| series["name"].as_str())
        .collect();
    assert!(names.contains(&"level"), "{report:#}");
    assert_eq!(client.consumers("PLANT"), Vec::<String>::new(), "nothing is left behind");

    // A work queue gives each message to one consumer only: of it what comes is looked at.
    client.make(stream::Config {
        name: "WORK".to_owned(),
        subjects: vec!["work.>".to_owned()],
        retention: stream::RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    });
    let addresses = ["plant.>", "work.*?stream=WORK", "plant.>?queue=collectors"];
    let looks = addresses.map(|address| {
        home.start(&["probe", &format!("nats://127.0.0.1:{port}/{address}"), "--json", "--for", "30s", "--follow"])
    });
    let heard = |look: &Process| {
        look.lines().iter().any(|line| line.contains("\"accounts\"") && !line.contains("\"received\":0,"))
    };
    let mut next = 300;
    wait_until("all have heard something", LONG, || {
        next += 1;
        client.publish(messages("plant.a", next..=next).chain(messages("work.a", next..=next)));
        looks.iter().all(heard)
    });
    for look in looks {
        look.interrupt();
        let report = look.end(LONG).json();
        assert!(report["accounts"]["received"].as_u64().is_some_and(|count| count > 0), "{report:#}");
    }
    assert_eq!((client.consumers("PLANT").len(), client.consumers("WORK").len()), (0, 0));
    // Somebody who is not let in is told at once.
    let token = Nats::with(|_| "authorization { token: t0ken-x }\n".to_owned());
    let address = format!("nats://wr0ng@127.0.0.1:{}/a", token.port);
    let ended = home.run(&["probe", &address, "--for", "60s"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("does not accept the token") && !ended.err.contains("wr0ng"), "{ended:?}");
}
