//! RabbitMQ.

use feedwatch_tests::home::Home;
use feedwatch_tests::rabbit::Rabbit;
use feedwatch_tests::skip;
use feedwatch_tests::watch::settled;

const MISSING: &str = "there is no RabbitMQ, which `scripts/setup test` installs";

#[test]
fn first() {
    let Some(rabbit) = Rabbit::start() else { return skip::unless_ci(MISSING) };
    let client = rabbit.client();
    client.make("orders");
    client.publish("", (1..=300).map(|seq| ("orders", format!("{{\"seq\":{seq},\"level\":{}}}", 20 + seq % 7))));
    let home = Home::new();
    let engine =
        home.engine(&format!("[feed.orders.amqp]\nurl = \"amqp://127.0.0.1:{}\"\nqueue = \"orders\"\n", rabbit.port));
    let books = settled(&engine, "orders", 300);
    assert_eq!(books.stored, 300);
}
