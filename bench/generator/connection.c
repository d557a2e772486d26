// Sockets, buffers and the event loop. It knows no protocol: whole reads go to spoken->take, what that leaves is kept.
#include "generator.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES (256 << 10)     // one read; everything in it is answered with one write
#define LONGEST_FRAME (1 << 20)

int64_t now_ns, idle_ns, polls, events;
bool aborting;
char abort_reason[256];
int64_t closed_receivers;

static int epoll;
static char buffer[READ_BYTES + LONGEST_FRAME];
static conn **dirty; static int dirty_len, dirty_cap;

int64_t clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void die(const char *format, ...) {
  va_list a; va_start(a, format); vfprintf(stderr, format, a); va_end(a);
  fputc('\n', stderr);
  exit(2);
}

void fail(const char *format, ...) {
  if (aborting) return;
  aborting = true;
  va_list a; va_start(a, format); vsnprintf(abort_reason, sizeof abort_reason, format, a); va_end(a);
  // The reason goes into a line of JSON.
  for (char *p = abort_reason; *p; p++) if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ') *p = '\'';
}

// ---- sockets

static void watch(conn *c, int operation) {
  struct epoll_event e = {.events = (c->stalled ? 0u : EPOLLIN) | (c->wants_out ? EPOLLOUT : 0u), .data.ptr = c};
  if (epoll_ctl(epoll, operation, c->fd, &e)) die("epoll: %s", strerror(errno));
}

static int new_socket(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  if (fd < 0) die("socket: %s", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  // Reset when closed, and so are those that a listener accepts: thousands in TIME_WAIT would hold the ports of the next run.
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1, .l_linger = 0}, sizeof(struct linger));
  return fd;
}

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void start_watching(conn *c) {
  fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
  watch(c, EPOLL_CTL_ADD);
}

void open_loop(void) { epoll = epoll_create1(0); }

void connect_client(conn *c) {
  struct sockaddr_in to = loopback(opt.port);
  c->kind = CLIENT; c->state = GREETED; c->fd = new_socket();
  if (connect(c->fd, (void *)&to, sizeof to)) die("connect to port %d: %s", opt.port, strerror(errno));
  start_watching(c);
}

int listen_for(conn *listener, int port) {
  struct sockaddr_in at = loopback(port);
  socklen_t len = sizeof at;
  int one = 1;
  listener->kind = LISTENER; listener->fd = new_socket();
  if (port) setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener->fd, (void *)&at, sizeof at) || listen(listener->fd, 16)) die("listen on port %d: %s", port, strerror(errno));
  getsockname(listener->fd, (void *)&at, &len);
  start_watching(listener);
  return ntohs(at.sin_port);
}

static conn **accepted; static int accepted_len, accepted_cap;

static void accept_callbacks(conn *listener) {
  int fd, one = 1;
  while ((fd = accept4(listener->fd, 0, 0, SOCK_NONBLOCK)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    conn *c = calloc(1, sizeof *c);
    c->fd = fd; c->index = listener->index; c->kind = CALLBACK; c->state = NEW;
    if (accepted_len == accepted_cap) accepted = realloc(accepted, (size_t)(accepted_cap = accepted_cap * 2 + 64) * sizeof *accepted);
    accepted[accepted_len++] = c;
    watch(c, EPOLL_CTL_ADD);
  }
}

/** From now on nothing is read from it: the client itself, and the callback connections to it. */
void set_stalled(conn *client) {
  client->stalled = true; watch(client, EPOLL_CTL_MOD);
  for (int i = 0; i < accepted_len; i++) {
    if (accepted[i]->index != client->index || accepted[i]->closed) continue;
    accepted[i]->stalled = true; watch(accepted[i], EPOLL_CTL_MOD);
  }
}

void close_conn(conn *c) {
  if (c->fd >= 0) close(c->fd);
  free(c->out); free(c->part);
  c->fd = -1; c->closed = true; c->out = c->part = NULL;
  c->out_len = c->out_from = c->out_cap = c->part_len = c->part_cap = 0;
}

// ---- output

/** A receiver that was told to stall may be let go; anything else that ends makes the run void. */
static void ended(conn *c, const char *why) {
  if (!opt.stall || c->index < opt.receivers - opt.stall) {
    closed_receivers++;
    if (c->kind == CLIENT) fail("the server closed client %d%s: %s", c->index, c->state == READY ? "" : " while it joined", why);
  }
  close_conn(c);
}

void grow_out(conn *c, int bytes) {
  if (c->out_from) {
    memmove(c->out, c->out + c->out_from, (size_t)(c->out_len - c->out_from));
    c->out_len -= c->out_from; c->out_from = 0;
  }
  if (c->out_len + bytes <= c->out_cap) return;
  int cap = c->out_cap ? c->out_cap : 512;
  while (cap < c->out_len + bytes) cap *= 2;
  c->out = realloc(c->out, (size_t)cap); c->out_cap = cap;
}

void putf(conn *c, const char *format, ...) {
  char text[1024];
  va_list a; va_start(a, format); int len = vsnprintf(text, sizeof text, format, a); va_end(a);
  put(c, text, len);
}

void flush(conn *c) {
  if (c->fd < 0) return;
  while (c->out_from < c->out_len) {
    ssize_t n = send(c->fd, c->out + c->out_from, (size_t)(c->out_len - c->out_from), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
      if (!c->wants_out) { c->wants_out = true; watch(c, EPOLL_CTL_MOD); }
      return;
    }
    if (n < 0) { ended(c, strerror(errno)); return; }
    c->out_from += (int)n;
  }
  c->out_from = c->out_len = 0;
  if (c->wants_out) { c->wants_out = false; watch(c, EPOLL_CTL_MOD); }
}

void mark_dirty(conn *c) {
  if (c->dirty) return;
  c->dirty = true;
  if (dirty_len == dirty_cap) dirty = realloc(dirty, (size_t)(dirty_cap = dirty_cap * 2 + 64) * sizeof *dirty);
  dirty[dirty_len++] = c;
}

void flush_dirty(void) {
  for (int i = 0; i < dirty_len; i++) { dirty[i]->dirty = false; flush(dirty[i]); }
  dirty_len = 0;
}

// ---- input

static void read_some(conn *c) {
  if (c->part_len) memcpy(buffer, c->part, (size_t)c->part_len);
  ssize_t n = recv(c->fd, buffer + c->part_len, READ_BYTES, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) { ended(c, n ? strerror(errno) : "end of file"); return; }
  if (opt.quick_ack) { int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one); }
  int len = c->part_len + (int)n, left = len - spoken->take(c, buffer, len);
  if (c->fd < 0) return;
  if (left > LONGEST_FRAME) { fail("a frame of more than %d bytes", LONGEST_FRAME); return; }
  if (left > c->part_cap) c->part = realloc(c->part, (size_t)(c->part_cap = left + 256));
  if (left) memcpy(c->part, buffer + len - left, (size_t)left);
  c->part_len = left;
  if (c->out_len > c->out_from && !c->wants_out && !c->dirty) flush(c);
}

static void handle(conn *c, uint32_t what) {
  if (c->fd < 0) return;
  if (c->kind == LISTENER) { accept_callbacks(c); return; }
  if (what & EPOLLOUT) flush(c);
  if (c->fd < 0 || !(what & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  if (!c->stalled) { now_ns = clock_ns(); read_some(c); }
  else if (what & (EPOLLHUP | EPOLLERR)) close_conn(c);
}

int turn(int timeout_ms) {
  static struct epoll_event ready_events[2048];
  int64_t began = clock_ns();
  int n = epoll_wait(epoll, ready_events, 2048, timeout_ms);
  now_ns = clock_ns();
  polls++;
  if (n <= 0) { idle_ns += now_ns - began; return 0; }
  events += n;
  for (int i = 0; i < n && !aborting; i++) handle(ready_events[i].data.ptr, ready_events[i].events);
  return n;
}
