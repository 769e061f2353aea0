//! Subjects: whatever comes while we listen. Ways to connect and to be let in.

use super::*;

#[test]
fn subjects_are_read_by_wildcards_with_what_stands_beside_the_messages() {
    let nats = Nats::start();
    let client = nats.client();
    let home = Home::new();
    let port = nats.port;
    let engine = home.engine(&format!(
        "{}[feed.small.nats]\nurl = \"nats://localhost:{port}\"\nsubjects = [\"small\"]\nmax_message = \"10kB\"\n",
        core(port, "[\"plant.*.level\", \"x.>\"]", "")
    ));
    ["plant", "small"].iter().for_each(|feed| state(&engine, feed, "live"));
    client.publish_with("plant.7.level", &[("unit", "bar"), ("Nats-Msg-Id", "m1")], message(1));
    client.publish(messages("x.a.b", 2..=2).chain(messages("plant.7.flow", 90..=90)).chain(messages("x", 91..=91)));
    client.publish(messages("x.a", 3..=300));
    let books = settled(&engine, "plant", 300);
    assert_eq!((books.received, books.stored), (300, 300), "{books:?}");
    let messages = kept(&engine.reader().expect("a history"));
    each_once(&messages, 1..=300);
    let topics: Vec<&str> = messages[..3].iter().filter_map(|message| message.topic.as_deref()).collect();
    assert_eq!(topics, ["plant.7.level", "x.a.b", "x.a"]);
    let mut said = beside(&messages[0]);
    // The client that published it does not keep their order.
    said["headers"].as_array_mut().expect("headers").sort_by_key(|pair| pair[0].to_string());
    assert_eq!(said, json!({"id": "m1", "headers": [["Nats-Msg-Id", "m1"], ["unit", "bar"]]}));

    // A message of any size that is allowed, and none larger.
    let sized = |size: usize| ("small".to_owned(), format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8)));
    client.publish([sized(10_000), sized(10_001)]);
    says(&engine, "small", "A message of 10001 bytes is larger than the limit of 10000 bytes");
    assert_eq!(settled(&engine, "small", 1).bytes, 10_000);
    engine.stop();
}

#[test]
fn the_server_must_prove_who_it_is_and_so_may_we() {
    let tls = |verify: bool| {
        Nats::with(move |_| {
            format!(
                "tls {{ cert_file: \"FOLDER/server.pem\", key_file: \"FOLDER/server.key\", ca_file: \"FOLDER/ca.pem\", \
                 verify: {verify} }}\n"
            )
        })
    };
    let (open, strict, plain) = (tls(false), tls(true), Nats::start());
    let home = Home::new();
    let file = |nats: &Nats, name: &str| nats.file(name).display().to_string();
    let feed = |name: &str, scheme: &str, nats: &Nats, tls: &str| {
        let port = nats.port;
        format!("[feed.{name}.nats]\nurl = \"{scheme}://localhost:{port}\"\nsubjects = [\"a\"]\n{tls}\n")
    };
    let ca = |nats: &Nats, name: &str| format!("tls = {{ ca = \"{}\" }}", file(nats, name));
    let pair = |nats: &Nats, ca: &str| {
        let [ca, cert, key] = [ca, "client.pem", "client.key"].map(|name| file(nats, name));
        format!("tls = {{ ca = \"{ca}\", cert = \"{cert}\", key = \"{key}\" }}")
    };
    let config = [
        feed("own", "nats+tls", &open, &ca(&open, "ca.pem")),
        feed("foreign", "nats+tls", &open, &ca(&open, "other-ca.pem")),
        feed("unknown", "nats+tls", &open, ""),
        feed("certified", "nats+tls", &strict, &pair(&strict, "ca.pem")),
        feed("nameless", "nats+tls", &strict, &ca(&strict, "ca.pem")),
        // A certificate of another authority than the server trusts.
        feed(
            "stranger",
            "nats+tls",
            &strict,
            &pair(&strict, "ca.pem").replace(&file(&strict, "client."), &file(&open, "client.")),
        ),
        feed("clear", "nats", &open, ""),
        feed("bare", "nats+tls", &plain, &ca(&open, "ca.pem")),
    ];
    let engine = home.engine(&config.concat());
    ["own", "certified"].iter().for_each(|feed| state(&engine, feed, "live"));
    let publish = |nats: &Nats, pair: bool| {
        let options = ConnectOptions::new().add_root_certificates(nats.file("ca.pem")).require_tls(true);
        let options = match pair {
            true => options.add_client_certificate(nats.file("client.pem"), nats.file("client.key")),
            false => options,
        };
        Client::connect(nats.port, options).publish(messages("a", 1..=20));
    };
    publish(&open, false);
    publish(&strict, true);
    for feed in ["own", "certified"] {
        let books = settled(&engine, feed, 20);
        assert_eq!((books.received, books.stored), (20, 20), "{feed}: {books:?}");
        assert!(engine.status().1.iter().any(|row| row.name == feed), "{feed}");
    }
    for (feed, part) in [
        ("foreign", "certificate is not trusted"),
        ("unknown", "certificate is not trusted"),
        ("nameless", "wants a client certificate"),
        ("stranger", "Check the client certificate"),
        ("clear", "Begin the address with nats+tls://"),
        ("bare", "offers no TLS"),
    ] {
        state(&engine, feed, "refused");
        says(&engine, feed, part);
        assert_eq!(accounts(&engine, feed).received, 0);
    }
    engine.stop();
}

/// A user's key as `nk -gen user` writes it, and its public part.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

#[test]
fn who_is_let_in_reads_and_who_is_not_is_told_so() {
    let nats = Nats::with(|_| {
        format!(
            "authorization {{ users: [ {{ user: ann, password: s3cr3t-ann }}, {{ nkey: {PUBLIC} }}, \
             {{ user: bob, password: s3cr3t-bob, permissions: {{ subscribe: [\"public.>\", \"_INBOX.>\"] }} }} ] }}\n"
        )
    });
    let token = Nats::with(|_| "authorization { token: t0ken-x }\n".to_owned());
    let (config, creds) = operated();
    let operated = Nats::with(|_| config.clone());
    let home = Home::new();
    home.write("user.creds", creds);
    home.write("ann.txt", "s3cr3t-ann\n");
    home.write("bob.txt", "s3cr3t-bob");
    home.write("wrong.txt", "wr0ng");
    home.write("token.txt", "t0ken-x");
    home.write("seed.txt", SEED);
    home.write("no.creds", "-----BEGIN NATS USER JWT-----\nx\n");
    let feed = |name: &str, nats: &Nats, who: &str, subject: &str| {
        let port = nats.port;
        format!("[feed.{name}.nats]\nurl = \"nats://127.0.0.1:{port}\"\nsubjects = [\"{subject}\"]\n{who}\n")
    };
    let user = |name: &str, file: &str| format!("user = \"{name}\"\npassword = {{ file = \"{file}\" }}");
    let config = [
        feed("ann", &nats, &user("ann", "ann.txt"), "a"),
        feed("key", &nats, "nkey = { file = \"seed.txt\" }", "a"),
        feed("token", &token, "token = { file = \"token.txt\" }", "a"),
        feed("creds", &operated, "creds = { file = \"user.creds\" }", "a"),
        feed("keyless", &operated, "nkey = { file = \"seed.txt\" }", "a"),
        feed("wrong", &nats, &user("ann", "wrong.txt"), "a"),
        feed("badtoken", &token, "token = { file = \"wrong.txt\" }", "a"),
        feed("nobody", &nats, "", "a"),
        feed("broken", &nats, "creds = { file = \"no.creds\" }", "a"),
        feed("bob", &nats, &user("bob", "bob.txt"), "private.x"),
        feed("jet", &nats, &user("ann", "ann.txt"), "a").replace("subjects", "stream = \"S\"\nsubjects"),
    ];
    let engine = home.engine(&config.concat());
    ["ann", "key", "token", "creds"].iter().for_each(|feed| state(&engine, feed, "live"));
    let ann = ConnectOptions::new().user_and_password("ann".into(), "s3cr3t-ann".into());
    Client::connect(nats.port, ann).publish(messages("a", 1..=10));
    Client::connect(token.port, ConnectOptions::new().token("t0ken-x".into())).publish(messages("a", 1..=10));
    for feed in ["ann", "key", "token"] {
        assert_eq!(settled(&engine, feed, 10).stored, 10, "{feed}");
    }
    for (feed, part) in [
        ("wrong", "does not accept the user \\\"ann\\\" or the password"),
        ("badtoken", "does not accept the token"),
        ("keyless", "does not accept the key"),
        ("nobody", "give user and password, a token, creds or nkey"),
        ("broken", "`creds` holds no credentials of NATS"),
        ("bob", "Reading private.x is not allowed"),
        ("jet", "JetStream is not enabled"),
    ] {
        state(&engine, feed, "refused");
        says(&engine, feed, part);
        let said = status(&engine, feed);
        assert!(!["wr0ng", "s3cr3t", "t0ken"].iter().any(|secret| said.contains(secret)), "{said}");
    }
    engine.stop();
}

#[test]
fn a_queue_group_splits_what_is_published_between_two_consoles() {
    let nats = Nats::start();
    let homes = [Home::new(), Home::new()];
    let runs = homes.each_ref().map(|home| {
        home.write("feeds.toml", core(nats.port, "[\"plant.>\"]", "queue = \"collectors\""));
        follow(home)
    });
    let client = nats.client();
    let readers = homes.each_ref().map(reader_of);
    let stored = || readers.each_ref().map(|reader| read(&kept(reader)).into_iter().collect::<BTreeSet<u64>>());
    let mut next = 0;
    let mut publish = |count: u64| {
        client.publish(messages("plant.a", next + 1..=next + count));
        next += count;
        next
    };
    // Whoever listens already gets all of it; what comes before the first is heard by nobody.
    wait_until("both listen", LONG, || {
        publish(10);
        stored().iter().all(|stored| !stored.is_empty())
    });
    let before = publish(10);
    let last = publish(2_000);
    wait_until("all is stored by one of them", LONG, || {
        let [first, second] = stored();
        (before + 1..=last).all(|seq| first.contains(&seq) || second.contains(&seq))
    });
    let [first, second] = readers.each_ref().map(|reader| read(&kept(reader)));
    let of_the_last = |read: &[u64]| read.iter().filter(|seq| **seq > before).count();
    let counts = [of_the_last(&first), of_the_last(&second)];
    assert_eq!(counts.iter().sum::<usize>(), 2_000, "against what was published: each by one of them");
    assert!(counts.iter().all(|count| *count > 500), "{counts:?}");
    for run in runs {
        run.interrupt();
        assert_eq!(run.end(LONG).json()["accounts"]["plant"]["dropped"], 0);
    }
}

#[test]
fn after_a_killed_server_subjects_are_read_on_and_the_outage_is_a_gap() {
    let mut nats = Nats::start();
    let home = Home::new();
    let engine = home.engine(&core(nats.port, "[\"plant.>\"]", ""));
    state(&engine, "plant", "live");
    nats.client().publish(messages("plant.a", 1..=100));
    settled(&engine, "plant", 100);
    nats.kill();
    state(&engine, "plant", "down");
    says(&engine, "plant", "Nothing listens");
    nats.start_again();
    state(&engine, "plant", "live");
    nats.client().publish(messages("plant.a", 101..=200));
    let books = settled(&engine, "plant", 200);
    assert_eq!((books.received, books.stored), (200, 200), "{books:?}");
    let gaps = gaps(&engine, "plant");
    assert!(gaps.iter().any(|gap| gap.starts_with("disconnected: The connection was cut")), "{gaps:#?}");
    engine.stop();
    each_once(&kept(&home.reader()), 1..=200);
}

#[test]
fn a_server_that_falls_silent_or_ends_slowly_is_left() {
    let nats = Nats::with(|_| "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"1s\"\n".to_owned());
    let home = Home::new();
    let proxy = Proxy::to(nats.address());
    let engine = home.engine(&core(proxy.address().port(), "[\"plant.>\"]", "ping_interval = \"200ms\""));
    state(&engine, "plant", "live");
    proxy.stall();
    says(&engine, "plant", "Nothing was heard for 400 ms, not even an answer to a ping");
    proxy.flow();
    state(&engine, "plant", "live");
    nats.client().publish(messages("plant.a", 1..=10));
    settled(&engine, "plant", 10);
    // Nobody else is there: it is read to its end.
    nats.end_slowly();
    says(&engine, "plant", "The server has ended, as it had said before (lame duck mode)");
    engine.stop();
}

#[test]
fn while_a_server_ends_another_one_of_its_cluster_is_read() {
    let routes = [feedwatch_tests::nats::free_port(), feedwatch_tests::nats::free_port()];
    let of_cluster = |own: u16, other: u16| {
        Nats::with(move |_| {
            format!(
                "cluster {{ name: c, listen: \"127.0.0.1:{own}\", routes: [ \"nats://127.0.0.1:{other}\" ] }}\n\
                 lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"1s\"\n"
            )
        })
    };
    let (first, second) = (of_cluster(routes[0], routes[1]), of_cluster(routes[1], routes[0]));
    let home = Home::new();
    let client = second.client();
    let engine = home.engine(&core(first.port, "[\"plant.>\"]", ""));
    state(&engine, "plant", "live");
    let mut next = 0;
    let mut reaches = || {
        next += 1;
        client.publish(messages("plant.a", next..=next));
        accounts(&engine, "plant").received
    };
    wait_until("the cluster is one", LONG, || reaches() > 0);
    first.end_slowly();
    says(&engine, "plant", "Another one of its cluster is tried");
    state(&engine, "plant", "live");
    let before = accounts(&engine, "plant").received;
    wait_until("it goes on", LONG, || reaches() > before);
    engine.stop();
}
