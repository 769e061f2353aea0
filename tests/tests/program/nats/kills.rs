//! Streams over kills of the server and of ours: nothing is lost, and nothing is stored twice.

use super::*;

#[test]
fn nothing_is_lost_over_a_killed_server_and_nothing_is_stored_twice() {
    let mut nats = Nats::start();
    let home = Home::new();
    // What we send is kept back for a while, so that there is something to hand out again.
    let proxy = Proxy::to(nats.address());
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    let config = of_stream(proxy.address().port(), "");
    let engine = home.engine(&config);
    is_read(&client, DURABLE);
    client.put(messages("plant.a", 1..=400));
    settled(&engine, "plant", 400);
    is_done(&client, DURABLE);
    proxy.hold();
    client.put(messages("plant.a", 401..=1000));
    settled(&engine, "plant", 1000);

    nats.kill();
    proxy.cut();
    proxy.release();
    drop(client);
    nats.start_again();
    let client = nats.client();
    client.put(messages("plant.a", 1001..=1500));
    let books = wait_for("what was sent meanwhile is there", LONG, || {
        Some(accounts(&engine, "plant")).filter(|books| books.stored == 1500 && books.in_flight == 0)
    });
    assert!(books.duplicate >= 600, "what was not acknowledged came twice, and was known: {books:?}");
    assert_eq!(books.rejected + books.dropped, 0, "{books:?}");

    // What comes while we are away waits in the stream.
    engine.stop();
    is_done(&client, DURABLE);
    client.put(messages("plant.a", 1501..=2000));
    let engine = home.engine(&config);
    wait_until("all of it is there", LONG, || accounts(&engine, "plant").stored == 500);
    assert_eq!(losses(&engine), Vec::<String>::new());
    engine.stop();
    each_once(&kept(&home.reader()), 1..=2000);
    is_done(&client, DURABLE);
}

#[test]
fn our_own_kill_between_commit_and_acknowledgement_stores_nothing_twice() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    let home = Home::new();
    let proxy = Proxy::to(nats.address());
    home.write("feeds.toml", of_stream(proxy.address().port(), ""));
    let mut run = follow(&home);
    is_read(&client, DURABLE);
    proxy.hold();
    client.put(messages("plant.a", 1..=700));
    let reader = reader_of(&home);
    wait_until("all is committed", LONG, || kept(&reader).len() == 700);
    run.kill();
    proxy.cut();
    let open = |client: &Client| client.waiting("PLANT", DURABLE).map(|consumer| consumer.unacknowledged);
    assert_eq!(open(&client), Some(700), "none was acknowledged");

    proxy.release();
    client.put(messages("plant.a", 701..=800));
    let run = follow(&home);
    is_done(&client, DURABLE);
    run.interrupt();
    let report = run.end(LONG).json();
    let books = &report["accounts"]["plant"];
    assert_eq!((&books["stored"], &books["in_flight"]), (&100.into(), &0.into()), "{report:#}");
    // Some may be handed out a third time before the server has heard that they came.
    assert!(books["duplicate"].as_u64().is_some_and(|count| count >= 700), "{report:#}");
    eprintln!("{} came again and were known", books["duplicate"]);
    each_once(&kept(&reader), 1..=800);
    // The consumer has its usual configuration again.
    wait_until("nobody reads it", LONG, || client.waiting("PLANT", DURABLE).is_some_and(|one| one.asking == 0));
}

#[test]
fn over_our_own_kills_while_messages_flow_nothing_is_lost_and_their_order_is_kept() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    let home = Home::new();
    home.write("feeds.toml", of_stream(nats.port, "start = \"earliest\""));
    let mut next = 0;
    let mut put = |count: u64| {
        client.put(messages("plant.a", next + 1..=next + count));
        next += count;
    };
    for _ in 0..3 {
        let mut run = follow(&home);
        let reader = reader_of(&home);
        let before = kept(&reader).len();
        wait_until("some are stored while others come", LONG, || {
            put(50);
            kept(&reader).len() > before + 500
        });
        run.kill();
        nats.has_connections(1);
        put(500);
    }
    let last = next;
    let run = follow(&home);
    let reader = reader_of(&home);
    wait_until("all is stored", LONG, || read(&kept(&reader)).len() as u64 >= last);
    is_done(&client, DURABLE);
    run.interrupt();
    let report = run.end(LONG).json();
    let messages = kept(&reader);
    each_once(&messages, 1..=last);
    assert!(read(&messages).is_sorted(), "what was handed out before comes before what is new");
    let lost =
        report["findings"].as_array().map_or(0, |all| all.iter().filter(|one| one["check"] == "sequence").count());
    assert_eq!(lost, 0, "{report:#}");
    let again = messages.iter().filter(|message| message.outcome == Outcome::Duplicate).count();
    eprintln!("{last} published, {again} came again and were recognised");
}

#[test]
fn two_consoles_share_a_consumer_and_what_one_leaves_the_other_stores() {
    let nats = Nats::start();
    let client = nats.client();
    client.make_stream("PLANT", &["plant.>"]);
    // Made by somebody else: it hands out again after a second.
    let config = consumer::pull::Config {
        durable_name: Some("shared".to_owned()),
        ack_policy: consumer::AckPolicy::Explicit,
        ack_wait: Duration::from_secs(1),
        ..consumer::pull::Config::default()
    };
    client.make_pull("PLANT", config);
    let homes = [Home::new(), Home::new()];
    // What the first acknowledges can be kept back, so that it leaves something behind.
    let proxy = Proxy::to(nats.address());
    homes[0].write("feeds.toml", of_stream(proxy.address().port(), "durable = \"shared\""));
    homes[1].write("feeds.toml", of_stream(nats.port, "durable = \"shared\""));
    let [mut first, second] = homes.each_ref().map(follow);
    wait_until("both read it", LONG, || client.waiting("PLANT", "shared").is_some_and(|one| one.asking >= 2));
    let readers = homes.each_ref().map(reader_of);
    let stored = |at: usize| read(&kept(&readers[at]));
    let mut next = 0;
    wait_until("both have messages", LONG, || {
        client.put(messages("plant.a", next + 1..=next + 20));
        next += 20;
        !stored(0).is_empty() && !stored(1).is_empty()
    });
    is_done(&client, "shared");
    // The first one gets some whose acknowledgement never comes, and is killed.
    proxy.hold();
    client.put(messages("plant.a", next + 1..=next + 400));
    next += 400;
    let open = |count| client.waiting("PLANT", "shared").is_some_and(|one| one.unacknowledged > 0 && one.left == count);
    wait_until("all is handed out, and what the first one has stays open", LONG, || open(0));
    first.kill();
    proxy.cut();
    client.put(messages("plant.a", next + 1..=next + 50));
    next += 50;
    is_done(&client, "shared");
    let all: BTreeSet<u64> = stored(0).into_iter().chain(stored(1)).collect();
    assert_eq!(all, (1..=next).collect(), "every message is stored by one of them");
    for at in [0, 1] {
        let stored = stored(at);
        assert_eq!(stored.iter().collect::<BTreeSet<_>>().len(), stored.len(), "none is stored twice by one of them");
    }
    let late = kept(&readers[1]).into_iter().filter(is_stored);
    let late = late.filter(|message| beside(message)["redelivered"] == true).count();
    assert!(late > 50, "{late} came to the second after newer ones, and were not taken for known");
    second.interrupt();
    second.end(LONG);
    assert_eq!(client.consumers("PLANT"), ["shared"], "nothing of ours is left there");
}

#[test]
fn a_work_queue_keeps_what_is_not_on_disk() {
    let nats = Nats::start();
    let client = nats.client();
    client.make(stream::Config {
        name: "PLANT".to_owned(),
        subjects: vec!["plant.>".to_owned()],
        retention: stream::RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    });
    client.put(messages("plant.a", 1..=100));
    let home = Home::new();
    let proxy = Proxy::to(nats.address());
    home.write("feeds.toml", of_stream(proxy.address().port(), ""));
    let mut run = follow(&home);
    let reader = reader_of(&home);
    wait_until("all is stored", LONG, || kept(&reader).len() == 100);
    is_done(&client, DURABLE);
    proxy.hold();
    client.put(messages("plant.a", 101..=200));
    wait_until("all is stored", LONG, || kept(&reader).len() == 200);
    run.kill();
    proxy.cut();
    proxy.release();
    let run = follow(&home);
    is_done(&client, DURABLE);
    run.interrupt();
    run.end(LONG);
    each_once(&kept(&reader), 1..=200);
}
