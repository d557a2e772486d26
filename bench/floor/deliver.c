// The floor's fan-out: a message is encoded once, and what was said in one turn goes to each client in one write.
#include "floor.h"
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PIECES 1024

typedef struct { user *from; int at, len; uint64_t number; } message; // number: which chat message it is; 0: a notice

uint64_t last_seq;
static uint64_t chats;
static bytes batch;        // calls of this turn, encoded
static message *messages; static int messages_len, messages_cap;

/** 1.0: the next call, when the one before it was answered. */
void next_call(conn *c) {
  if (c->waiting || c->queue.from == c->queue.len) return;
  char *p = c->queue.at + c->queue.from;
  int n = (int)((char *)memchr(p, '\n', (size_t)(c->queue.len - c->queue.from)) + 1 - p);
  push(&c->out, p, n);
  c->queue.from += n;
  c->waiting = true;
  mark_dirty(c);
}

/** Writes what the socket takes and keeps the rest. */
static void deliver(conn *c, struct iovec *v, int n) {
  bytes *kept = classic_dialect ? &c->queue : &c->out;
  ssize_t sent = 0;
  if (!classic_dialect && c->out.from == c->out.len) {
    struct msghdr m = {.msg_iov = v, .msg_iovlen = (size_t)n};
    sent = n == 1 ? send(c->fd, v->iov_base, v->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT) : sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) { drop_conn(c); return; }
    if (sent < 0) sent = 0;
  }
  for (int i = 0; i < n; i++) {
    ssize_t done = sent < (ssize_t)v[i].iov_len ? sent : (ssize_t)v[i].iov_len;
    sent -= done;
    push(kept, (char *)v[i].iov_base + done, (int)((ssize_t)v[i].iov_len - done));
  }
  if (classic_dialect) next_call(c);
  else if (c->out.from < c->out.len) want_out(c, true);
}

static int add_piece(struct iovec *v, int n, const message *m) {
  char *at = batch.at + m->at;
  if (n && (char *)v[n - 1].iov_base + v[n - 1].iov_len == at) { v[n - 1].iov_len += (size_t)m->len; return n; }
  v[n] = (struct iovec){at, (size_t)m->len};
  return n + 1;
}

/** A byte of the text of the message that is to be broken, if it is in this turn. */
static char *byte_to_alter(void) {
  for (int i = 0; i < messages_len; i++) {
    if (messages[i].number != break_at) continue;
    char *text = memmem(batch.at + messages[i].at, (size_t)messages[i].len, "@@", 2);
    return text ? text + 25 : NULL;
  }
  return NULL;
}

/** What `u` gets of this turn: everything in one piece unless some of it is its own, or something is to be broken. */
static int pieces_for(const user *u, bool own, bool broken, struct iovec *v) {
  int n = 0;
  if (!own && !broken) return v[0] = (struct iovec){batch.at, (size_t)batch.len}, 1;
  for (int i = 0; i < messages_len && n < PIECES - 2; i++) {
    const message *m = &messages[i];
    if (m->from == u) continue;
    bool victim = broken && m->number == break_at;
    if (victim && breakage == DROP) continue;
    if (victim && breakage == SWAP && i + 1 < messages_len) { n = add_piece(v, n, &messages[++i]); }
    else if (victim && breakage == SWAP) { break_at++; } // nothing to swap it with: the next one then
    n = add_piece(v, n, m);
    if (victim && breakage == REPEAT) n = add_piece(v, n, m);
  }
  return n;
}

/** Puts the turn on disk, and answers those who said it. */
static void keep_batch(void) {
  for (int at = 0; at < batch.len;) {
    ssize_t n = write(journal, batch.at + at, (size_t)(batch.len - at));
    if (n < 0) { perror("journal"); exit(1); }
    at += (int)n;
  }
  if (fdatasync(journal)) { perror("journal"); exit(1); }
  flush_dirty();
}

void deliver_batch(void) {
  static struct iovec v[PIECES];
  user *senders[64];
  int senders_len = 0;
  if (!messages_len) return;
  if (journal >= 0) keep_batch();
  for (int i = 0; i < messages_len; i++) {
    int j = 0;
    while (j < senders_len && senders[j] != messages[i].from) j++;
    if (j == senders_len && senders_len < 64) senders[senders_len++] = messages[i].from;
  }
  for (int i = users_len - 1; i >= 0; i--) {
    bool own = false, broken = breakage && i == users_len - 1;
    for (int j = 0; j < senders_len; j++) own |= senders[j] == users[i];
    int n = pieces_for(users[i], own, broken, v);
    char *altered = broken && breakage == ALTER ? byte_to_alter() : NULL;
    if (altered) *altered ^= 1;
    if (n) deliver(users[i]->callback, v, n);
    if (altered) *altered ^= 1;
  }
  messages_len = 0;
  batch.len = 0;
}

/** The present time in ISO 8601; formatted once a second. */
static const char *sent_at(void) {
  static char text[32];
  static time_t second;
  struct timespec t;
  clock_gettime(CLOCK_REALTIME_COARSE, &t);
  if (t.tv_sec != second) {
    struct tm tm;
    second = t.tv_sec;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&second, &tm));
  }
  int ms = (int)(t.tv_nsec / 1000000);
  text[20] = (char)('0' + ms / 100); text[21] = (char)('0' + ms / 10 % 10); text[22] = (char)('0' + ms % 10);
  return text;
}

/** Encodes one call. `text` is as it stood between the quotes of the request: it needs no escaping. */
void enqueue(user *from, const char *text, int len, bool is_system) {
  char *o = grow(&batch, 2 * len + 1024), *begin = o;
  const char *open = positional || classic_dialect ? "[" : "", *close = *open ? "]" : "";
  unsigned long seq = ++last_seq;
  o += sprintf(o, "{%s\"method\":\"ClientCallback.ReceiveMessage\",\"params\":%s{\"Message\":{\"SenderID\":\"%s\",\"Content\":\"",
               classic_dialect ? "" : "\"jsonrpc\":\"2.0\",", open, from->id);
  if (!is_system) o += sprintf(o, "%s: ", from->name);
  memcpy(o, text, (size_t)len); o += len;
  o += sprintf(o, "\",\"IsSystem\":%s", is_system ? "true" : "false");
  if (product_frame) {
    o += sprintf(o, ",\"Seq\":%lu,\"Room\":\"lobby\",\"Name\":\"%s\",\"Text\":\"", seq, from->name);
    memcpy(o, text, (size_t)len); o += len;
    o += sprintf(o, "\",\"Kind\":\"%s\",\"SentAt\":\"%s\"", is_system ? "join" : "chat", sent_at());
  }
  o += sprintf(o, "}}%s,\"id\":%lu}\n", close, seq);
  if (messages_len == messages_cap) messages = realloc(messages, (size_t)(messages_cap = messages_cap * 2 + 1024) * sizeof *messages);
  messages[messages_len++] = (message){from, batch.len, (int)(o - begin), is_system ? 0 : ++chats};
  batch.len += (int)(o - begin);
  if (!coalesce) deliver_batch();
}
