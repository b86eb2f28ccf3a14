//! Callers that wrk cannot play: all at once, one key after the other, or silent.
//!
//! `callers at-once ADDRESS PATH COUNT`: opens COUNT connections, then asks for PATH on all of them in the same moment;
//! prints `p50 p99 max` in milliseconds.
//! `callers fill ADDRESS PATH FROM TO [CALLERS]`: asks for PATH followed by each number, in twelve digits, on 32 connections,
//! or on as many as there shall be CALLERS.
//! `callers hold ADDRESS PATH COUNT`: opens COUNT connections, asks once on each, keeps them open until it is killed.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

use std::{env, sync::Arc, time::Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Barrier,
    task::JoinSet,
};

/// A connection and what has been read from it.
struct Caller {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Caller {
    async fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::with_capacity(4096) }
    }

    /// One request; panics unless it is answered with 200.
    async fn get(&mut self, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: bench-token\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.buffer.clear();
        while !self.is_complete() {
            assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "the server hung up");
        }
        let status = String::from_utf8_lossy(&self.buffer[..12]);
        assert_eq!(status, "HTTP/1.1 200", "{}", String::from_utf8_lossy(&self.buffer));
    }

    fn is_complete(&self) -> bool {
        let Some(end) = self.buffer.windows(4).position(|each| each == b"\r\n\r\n") else { return false };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.expect("a Content-Length").trim().parse().unwrap();
        self.buffer.len() >= end + 4 + length
    }
}

async fn at_once(address: &str, path: &str, count: usize) {
    let everybody = Arc::new(Barrier::new(count));
    let mut callers = JoinSet::new();
    for _ in 0..count {
        let (address, path, everybody) = (address.to_owned(), path.to_owned(), Arc::clone(&everybody));
        callers.spawn(async move {
            let mut caller = Caller::new(&address).await;
            caller.get("/livez").await;
            everybody.wait().await;
            let asked = Instant::now();
            caller.get(&path).await;
            asked.elapsed()
        });
    }
    let mut took = callers.join_all().await;
    took.sort_unstable();
    let ms = |index: usize| took[index.min(count - 1)].as_secs_f64() * 1e3;
    println!("{:.1} {:.1} {:.1}", ms(count / 2), ms(count * 99 / 100), ms(count - 1));
}

async fn fill(address: &str, path: &str, from: u64, to: u64, count: u64) {
    let mut callers = JoinSet::new();
    for first in from..(from + count).min(to) {
        let (address, path) = (address.to_owned(), path.to_owned());
        callers.spawn(async move {
            let mut caller = Caller::new(&address).await;
            let mut key = first;
            while key < to {
                caller.get(&format!("{path}{key:012}")).await;
                key += count;
            }
        });
    }
    callers.join_all().await;
}

async fn hold(address: &str, path: &str, count: usize) {
    let mut callers = Vec::with_capacity(count);
    for _ in 0..count {
        let mut caller = Caller::new(address).await;
        caller.get(path).await;
        callers.push(caller);
    }
    println!("holding {count}");
    std::future::pending::<()>().await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["at-once", address, path, count] => at_once(address, path, count.parse().unwrap()).await,
        ["fill", address, path, from, to, ref count @ ..] => {
            let count = count.first().map_or(32, |count| count.parse().unwrap());
            fill(address, path, from.parse().unwrap(), to.parse().unwrap(), count).await;
        }
        ["hold", address, path, count] => hold(address, path, count.parse().unwrap()).await,
        _ => panic!("see the head of benches/compare/callers.rs"),
    }
}
