//! A Houston of which only the connections matter: it does what a script says, and notes what the gateway does.

use crate::harness::World;
use houston_gateway::config::Config;
use houston_sim::Settings;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::yield_now,
    time::{sleep, timeout},
};

/// A Houston of which only the connections matter.
#[derive(Clone)]
pub struct Wire {
    pub address: SocketAddr,
    /// What happened so far.
    pub events: Arc<Mutex<Vec<Event>>>,
}

/// What the gateway does on one of the connections, which are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Opened(usize),
    Asked(usize, Asked),
    /// The gateway closed it, or it was closed here.
    Ended(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub head: String,
    pub body: String,
}

/// What Houston does with a request.
#[derive(Clone)]
pub enum Does {
    Answer,
    /// Answers and announces that this is the last answer, but leaves closing to the other side.
    AnswerLast,
    /// Answers and closes, which it did not announce, after so many turns of everybody else.
    AnswerAndClose(usize),
    /// The same, when it is let to.
    AnswerAndCloseAtSignal(Arc<Semaphore>),
    /// Says the first half of the answer and closes.
    HalfAnswer,
    /// Answers too late for who asked.
    AnswerAfter(Duration),
    /// Answers when it is let to.
    AnswerAtSignal(Arc<Semaphore>),
}

impl Wire {
    /// Listens; `script` says what to do with the request that is the so-manieth of all.
    pub async fn listen(script: impl Fn(usize) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let wire = Self { address: listener.local_addr().expect("an address"), events: Arc::default() };
        let (listening, script) = (wire.clone(), Arc::new(script));
        tokio::spawn(async move {
            for number in 0.. {
                let (stream, _) = listener.accept().await.expect("a connection");
                listening.note(Event::Opened(number));
                let (wire, script) = (listening.clone(), Arc::clone(&script));
                tokio::spawn(async move {
                    // A connection that breaks has ended, too.
                    let _broken = wire.serve(number, stream, &*script).await;
                    wire.note(Event::Ended(number));
                });
            }
        });
        wire
    }

    async fn serve(
        &self,
        number: usize,
        stream: TcpStream,
        script: &(dyn Fn(usize) -> Does + Sync),
    ) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if stream.read_line(&mut head).await? == 0 {
                    return Ok(());
                }
            }
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
            let mut body = vec![0; length.parse().expect("a number")];
            stream.read_exact(&mut body).await?;
            let body = String::from_utf8(body).expect("text");
            let before = self.note(Event::Asked(number, Asked { head, body }));
            let answer = r#"{"data":{"workspaces":[],"createWorkspace":{"id":"w"}}}"#;
            let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
            let does = script(before);
            match &does {
                Does::AnswerAfter(long) => sleep(*long).await,
                Does::AnswerAtSignal(signal) => signal.acquire().await.expect("an open semaphore").forget(),
                Does::HalfAnswer => answer.truncate(answer.len() - 20),
                Does::AnswerLast => answer.insert_str("HTTP/1.1 200 OK\r\n".len(), "connection: close\r\n"),
                Does::Answer | Does::AnswerAndClose(_) | Does::AnswerAndCloseAtSignal(_) => {}
            }
            stream.write_all(answer.as_bytes()).await?;
            match does {
                Does::HalfAnswer => return Ok(()),
                Does::AnswerAndClose(turns) => {
                    for _ in 0..turns {
                        yield_now().await;
                    }
                    return Ok(());
                }
                Does::AnswerAndCloseAtSignal(signal) => {
                    signal.acquire().await.expect("an open semaphore").forget();
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    /// Writes down an event, and tells how many requests there were before.
    fn note(&self, event: Event) -> usize {
        let mut events = self.events.lock().expect("nobody panicked here");
        let before = events.iter().filter(|event| matches!(event, Event::Asked(..))).count();
        events.push(event);
        before
    }

    /// All requests so far, and the connections that they came over.
    pub fn asked(&self) -> Vec<(usize, Asked)> {
        let events = self.events.lock().expect("nobody panicked here");
        let asked = |event: &Event| match event {
            Event::Asked(number, asked) => Some((*number, asked.clone())),
            _ => None,
        };
        events.iter().filter_map(asked).collect()
    }

    /// The connections that all requests so far came over.
    pub fn over(&self) -> Vec<usize> {
        self.asked().into_iter().map(|(number, _)| number).collect()
    }

    /// How often a change with this label arrived.
    pub fn changes(&self, label: &str) -> usize {
        self.asked().iter().filter(|(_, asked)| asked.body.contains(&format!("\"{label}\""))).count()
    }

    /// Waits for an event.
    pub async fn until(&self, what: impl Fn(&[Event]) -> bool) {
        let seen = async {
            while !what(&self.events.lock().expect("nobody panicked here")) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = timeout(Duration::from_secs(20), seen).await;
        waited.unwrap_or_else(|_| panic!("waited in vain: {:?}", self.events));
    }

    pub async fn until_ended(&self, number: usize) {
        self.until(|events| events.contains(&Event::Ended(number))).await;
        // The gateway's end may be the later one to notice.
        sleep(Duration::from_millis(20)).await;
    }

    pub async fn until_asked(&self, times: usize) {
        self.until(|events| events.iter().filter(|event| matches!(event, Event::Asked(..))).count() >= times).await;
    }

    /// A gateway in front of it that keeps no answers.
    pub async fn world(&self) -> World {
        self.world_with(|_| {}).await
    }

    pub async fn world_with(&self, configure: impl FnOnce(&mut Config)) -> World {
        World::with(Settings::default(), |config| {
            config.cache.enabled = false;
            config.houston.url = format!("http://{}/v1", self.address).parse().expect("a URL");
            configure(config);
        })
        .await
    }
}
