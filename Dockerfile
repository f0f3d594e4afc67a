# syntax=docker/dockerfile:1

# The bridge in a small image: one binary, the CA certificates, a user of its own.
#
#   docker build -t tandem .
#   docker run --detach --env-file tandem.env -v tandem-data:/data -p 127.0.0.1:8080:8080 --stop-timeout 40 tandem
#
# --stop-timeout: a graceful stop may take 20 s (it finishes the calls under way); docker's default of 10 s cuts it short.
# Nothing is lost then, but a text under way must be looked up again before it goes on.

FROM rust:1.95-slim-trixie AS build
# The allocator is built by a makefile; the slim image has a C compiler, but no make.
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
# The caches live on the builder, not in a layer, so the binary is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --release --features jemalloc --bin tandem \
    && install -D -m 0755 target/release/tandem /out/tandem

# The same Debian release as above: the binary needs a C library that is not older than the builder's.
FROM debian:trixie-slim
# CA certificates: the HTTP client trusts those of the system, and a slim image has none.
# The store must belong to the user before the volume is declared: a new volume takes over the owner.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin tandem \
    && install --directory --owner tandem --group tandem --mode 0700 /data
COPY --from=build /out/tandem /usr/local/bin/tandem
COPY LICENSE /usr/share/doc/tandem/LICENSE

# A directory below the mount point: file systems keep their own things (lost+found) at the top.
ENV TANDEM_LISTEN=0.0.0.0:8080 \
    TANDEM_STORE__URL=sled:/data/store

USER tandem
WORKDIR /data
VOLUME /data
# Webhooks and health. The operator listener stays on the loopback device: use `docker exec … tandem deliveries list`.
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["tandem", "healthcheck"]
ENTRYPOINT ["tandem"]
CMD ["serve"]
