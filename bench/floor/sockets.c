// Bytes and sockets of the floor.
#include "floor.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int epoll;
static conn **dirty; static int dirty_len, dirty_cap;

char *grow(bytes *b, int more) {
  if (b->len + more > b->cap && b->from) { memmove(b->at, b->at + b->from, (size_t)(b->len - b->from)); b->len -= b->from; b->from = 0; }
  while (b->len + more > b->cap) b->at = realloc(b->at, (size_t)(b->cap = b->cap ? b->cap * 2 : 1024));
  return b->at + b->len;
}
void push(bytes *b, const void *p, int n) { memcpy(grow(b, n), p, (size_t)n); b->len += n; }

void watch(conn *c, int operation) {
  struct epoll_event e = {.events = EPOLLIN | (c->wants_out ? EPOLLOUT : 0u), .data.ptr = c};
  epoll_ctl(epoll, operation, c->fd, &e);
}

void drop_conn(conn *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
  c->out.len = c->out.from = c->queue.len = c->queue.from = 0;
  user *u = c->called;
  if (!u || u->callback != c) return;
  u->callback = NULL;
  users[u->place] = users[--users_len];
  users[u->place]->place = u->place;
}

void want_out(conn *c, bool wanted) {
  if (c->wants_out == wanted) return;
  c->wants_out = wanted;
  watch(c, EPOLL_CTL_MOD);
}

void flush(conn *c) {
  while (c->out.from < c->out.len) {
    ssize_t n = send(c->fd, c->out.at + c->out.from, (size_t)(c->out.len - c->out.from), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) { want_out(c, true); return; }
    if (n < 0) { drop_conn(c); return; }
    c->out.from += (int)n;
  }
  c->out.from = c->out.len = 0;
  want_out(c, false);
}

void mark_dirty(conn *c) {
  if (c->dirty) return;
  c->dirty = true;
  if (dirty_len == dirty_cap) dirty = realloc(dirty, (size_t)(dirty_cap = dirty_cap * 2 + 64) * sizeof *dirty);
  dirty[dirty_len++] = c;
}

void flush_dirty(void) {
  for (int i = 0; i < dirty_len; i++) { dirty[i]->dirty = false; if (dirty[i]->fd >= 0) flush(dirty[i]); }
  dirty_len = 0;
}

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

conn *dial(int port) {
  conn *c = calloc(1, sizeof *c);
  struct sockaddr_in to = loopback(port);
  int one = 1;
  c->dialled = true;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (void *)&to, sizeof to)) { perror("dial"); exit(1); }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  watch(c, EPOLL_CTL_ADD);
  return c;
}

void accept_all(conn *listener) {
  int fd, one = 1;
  while ((fd = accept4(listener->fd, 0, 0, SOCK_NONBLOCK)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    conn *c = calloc(1, sizeof *c);
    c->fd = fd;
    watch(c, EPOLL_CTL_ADD);
  }
}

int open_listener(conn *l, int port) {
  struct sockaddr_in at = loopback(port);
  socklen_t len = sizeof at;
  int one = 1;
  l->listens = true;
  l->fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(l->fd, (void *)&at, sizeof at) || listen(l->fd, 1024)) { perror("listen"); exit(1); }
  fcntl(l->fd, F_SETFL, O_NONBLOCK);
  watch(l, EPOLL_CTL_ADD);
  getsockname(l->fd, (void *)&at, &len);
  return ntohs(at.sin_port);
}
