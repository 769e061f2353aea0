//! Sends back what comes, over the very stream that a session reads: how test suites of WebSocket clients judge them.
//!
//! A session only receives, so the sending back is the suite's. What a suite sees of us all the same: the handshake, which
//! extension is agreed upon, that every message arrived whole and unchanged through the inflating adapter and the library,
//! how pings are answered, and how what breaks the rules ends the connection.

use tokio_tungstenite::tungstenite::Message;

use super::session::part;
use super::{WebSocketSource, words};
use crate::ConnectError;

impl WebSocketSource {
    /// Sends back every message until the connection ends. The messages, if `keep`, and why it ended.
    ///
    /// # Errors
    /// [`ConnectError`]: there was no connection.
    pub async fn echo(&self, keep: bool) -> Result<(Vec<Vec<u8>>, String), ConnectError> {
        let (mut stream, _) = self.stream().await?;
        let mut kept = Vec::new();
        loop {
            match stream.next().await {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    if keep {
                        kept.push(message.clone().into_data().to_vec());
                    } else if let Err(error) = stream.send(message).await {
                        return Ok((kept, words::session(&error).to_string()));
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    part(&mut stream).await;
                    return Ok((kept, words::session(&error).to_string()));
                }
                None => return Ok((kept, words::closed(None).to_string())),
            }
        }
    }
}
