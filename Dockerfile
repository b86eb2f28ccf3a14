# syntax=docker/dockerfile:1
# Two stages: a build with the pinned toolchain, and a small image with the binary, CA certificates and nothing else.

FROM rust:1.95-slim-bookworm AS build
# aws-lc, the cryptography behind rustls, is C.
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc g++ make libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin houston-gateway \
 && cp target/release/houston-gateway /houston-gateway

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin gateway
COPY --from=build /houston-gateway /usr/local/bin/houston-gateway
USER 10001:10001
# What an answer of many megabytes took goes back to the system once it is sent: glibc would keep it by and by.
ENV HOUSTON_GATEWAY_SERVER_LISTEN=0.0.0.0:8080 \
    HOUSTON_GATEWAY_LOG_FORMAT=json \
    MALLOC_MMAP_THRESHOLD_=4194304
EXPOSE 8080
STOPSIGNAL SIGTERM
# The program asks its own /livez: there is no curl in the image.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["houston-gateway", "healthcheck"]
ENTRYPOINT ["houston-gateway"]
CMD ["serve"]
