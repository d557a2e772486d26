// The physical limit: a C server that does the fan-out's unavoidable work and nothing else. It takes requests, dials the
// callback of each client (or calls inline), encodes a message once, writes the same bytes to everybody, and reads the answers.
// No limits, no sessions, no deadlines, no retries: those are what a server is compared for.
//
//   floor [--port 9999] [--frame classic|product] [--coalesce 1|0] [--sync FOLDER] [--break drop|repeat|swap|alter] [--break-at 200]
//
// --frame product   calls with exactly the bytes of the product's (all fields of Message); classic: the three oldest ones
// --coalesce 0      one send() a message and receiver, instead of one a turn of the loop
// --sync FOLDER     what is said in a turn is appended to a file there and synced first; then its senders are answered, then it goes out
// --break           breaks its promise once, towards its last client: for proving that the generator notices
//
// The form of the calls (2.0 by name, 2.0 by position, 1.0) is that of the first Register: a run has one kind of client.
// A client of dialect 1.0 has one unanswered call at a time, as the product promises it.
#include "floor.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define READ_BYTES 65536
#define LONGEST_FRAME (1 << 20)
#define LINES_UP_TO 200 // members up to which joins are told, as in the product

int coalesce = 1;
bool product_frame, classic_dialect, positional;
enum breakage breakage;
uint64_t break_at = 200;
int journal = -1;
user **users;
int users_len;

static int port = 9999, users_cap;
static user *by_id[65536];
static char buffer[READ_BYTES + LONGEST_FRAME];

// ---- requests

static user **bucket(const char *id, int len) {
  unsigned h = 5381;
  for (int i = 0; i < len; i++) h = h * 33 ^ (unsigned char)id[i];
  for (;; h++) {
    user **u = &by_id[h & 65535];
    if (!*u || (!strncmp((*u)->id, id, (size_t)len) && !(*u)->id[len])) return u;
  }
}

static const char *field(const char *p, int len, const char *key, int *value_len) {
  char *value = memmem(p, (size_t)len, key, strlen(key));
  *value_len = 0;
  if (!value) return "";
  value += strlen(key);
  const char *end = value;
  while (end < p + len && *end != '"') end += *end == '\\' ? 2 : 1;
  *value_len = (int)(end - value);
  return value;
}

static void add_user(conn *c, const char *p, int len) {
  int id_len, name_len, callback_len;
  const char *id = field(p, len, "\"ID\":\"", &id_len), *name = field(p, len, "\"Name\":\"", &name_len);
  const char *callback = field(p, len, "\"Callback\":\"", &callback_len), *colon = memchr(callback, ':', (size_t)callback_len);
  user *u = calloc(1, sizeof *u);
  if (!users_len) {
    classic_dialect = !memmem(p, (size_t)len, "\"jsonrpc\"", 9);
    positional = memmem(p, (size_t)len, "\"params\":[", 10);
  }
  memcpy(u->id, id, (size_t)id_len < sizeof u->id ? (size_t)id_len : sizeof u->id - 1);
  memcpy(u->name, name, (size_t)name_len < sizeof u->name ? (size_t)name_len : sizeof u->name - 1);
  u->callback = colon ? dial(atoi(colon + 1)) : c;
  u->callback->called = u;
  char joined[128];
  if (users_len < LINES_UP_TO) enqueue(u, joined, sprintf(joined, "User %s joined the chat", u->id), true);
  deliver_batch();
  if (users_len == users_cap) users = realloc(users, (size_t)(users_cap = users_cap * 2 + 64) * sizeof *users);
  u->place = users_len;
  users[users_len++] = u;
  *bucket(id, id_len) = u;
}

static void answer(conn *c, uint64_t id, const char *result) {
  char *o = grow(&c->out, 256);
  if (classic_dialect) c->out.len += sprintf(o, "{\"id\":%lu,\"result\":%s,\"error\":null}\n", id, result);
  else c->out.len += sprintf(o, "{\"jsonrpc\":\"2.0\",\"id\":%lu,\"result\":%s}\n", id, result);
  mark_dirty(c);
}

/** Id of an answer: at its end, or where jayson and Go write it. */
static uint64_t id_in(const char *p, int len) {
  uint64_t id = 0, weight = 1;
  const char *at = p + len - 2;
  for (; at > p && *at >= '0' && *at <= '9'; at--, weight *= 10) id += (uint64_t)(*at - '0') * weight;
  if (weight > 1) return id;
  for (at = p + (classic_dialect ? 6 : 22); at < p + len && *at >= '0' && *at <= '9'; at++) id = id * 10 + (uint64_t)(*at - '0');
  return id;
}

static void take_request(conn *c, const char *p, int len) {
  const char *found = memmem(p, (size_t)len, "\"id\":", 5);
  uint64_t id = found ? strtoull(found + 5, NULL, 10) : 0;
  if (memmem(p, (size_t)len, "ChatServer.SendMessage", 22)) {
    int id_len, text_len;
    char result[160];
    const char *from = field(p, len, "\"UserID\":\"", &id_len), *text = field(p, len, "\"Text\":\"", &text_len);
    user *u = *bucket(from, id_len);
    if (u) enqueue(u, text, text_len, false);
    int n = sprintf(result, "{\"Success\":%s,\"Message\":\"Message sent successfully\",\"Error\":\"\"", u ? "true" : "false");
    if (product_frame) n += sprintf(result + n, ",\"Seq\":%lu", last_seq);
    memcpy(result + n, "}", 2);
    answer(c, id, result);
  } else if (memmem(p, (size_t)len, "ChatServer.Register", 19)) {
    add_user(c, p, len);
    answer(c, id, "{\"Success\":true,\"Message\":\"registered\"}");
  }
}

/** A line on a callback connection is an answer; inline, requests come there too. */
static void take_line(conn *c, const char *p, int len) {
  if (!c->dialled && (!c->called || memmem(p, (size_t)(len < 96 ? len : 96), "\"method\":", 9))) {
    take_request(c, p, len);
    return;
  }
  c->answered = id_in(p, len);
  c->waiting = false;
  if (classic_dialect) next_call(c);
}

static void read_some(conn *c) {
  if (c->part.len) memcpy(buffer, c->part.at, (size_t)c->part.len);
  ssize_t n = recv(c->fd, buffer + c->part.len, READ_BYTES, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0 || c->part.len > LONGEST_FRAME - READ_BYTES) { drop_conn(c); return; }
  char *p = buffer, *end = buffer + c->part.len + n, *newline;
  for (; p < end && (newline = memchr(p, '\n', (size_t)(end - p))); p = newline + 1) {
    if (newline > p) take_line(c, p, (int)(newline - p));
    if (c->fd < 0) return;
  }
  c->part.len = 0;
  push(&c->part, p, (int)(end - p));
}

// ---- the program

static enum breakage breakage_named(const char *name) {
  const char *names[] = {"whole", "drop", "repeat", "swap", "alter"};
  for (int i = WHOLE; i <= ALTER; i++) if (!strcmp(names[i], name)) return (enum breakage)i;
  fprintf(stderr, "--break %s: no such breakage\n", name);
  exit(2);
}

static int open_journal(const char *folder) {
  char path[4096];
  snprintf(path, sizeof path, "%s/journal", folder);
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) { perror(path); exit(1); }
  return fd;
}

static void read_options(int n, char **words) {
  for (int i = 1; i + 1 < n; i += 2) {
    const char *name = words[i], *value = words[i + 1];
    if (!strcmp(name, "--port")) port = atoi(value);
    else if (!strcmp(name, "--frame")) product_frame = !strcmp(value, "product");
    else if (!strcmp(name, "--coalesce")) coalesce = atoi(value);
    else if (!strcmp(name, "--sync")) journal = open_journal(value);
    else if (!strcmp(name, "--break")) breakage = breakage_named(value);
    else if (!strcmp(name, "--break-at")) break_at = strtoull(value, NULL, 10);
    else { fprintf(stderr, "%s: no such option\n", name); exit(2); }
  }
}

int main(int words_count, char **words) {
  static struct epoll_event ready[1024];
  struct rlimit files;
  conn listener = {0};
  read_options(words_count, words);
  signal(SIGPIPE, SIG_IGN);
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  epoll = epoll_create1(0);
  printf("floor on 127.0.0.1:%d\n", open_listener(&listener, port));
  fflush(stdout);
  for (;;) {
    int n = epoll_wait(epoll, ready, 1024, -1);
    for (int i = 0; i < n; i++) {
      conn *c = ready[i].data.ptr;
      if (c->fd < 0) continue;
      if (c->listens) { accept_all(c); continue; }
      if (ready[i].events & EPOLLOUT) flush(c);
      if (c->fd >= 0 && ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_some(c);
    }
    deliver_batch();
    flush_dirty();
  }
}
