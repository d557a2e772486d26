// NATS core: publishers are connections of their own; nothing is acknowledged.
#include "generator.h"

static bool replies(void) { return false; }
static void greet(conn *c) { (void)c; } // the server speaks first

static void say(conn *c, int sender, uint32_t number, const char *text, int len) {
  (void)sender; (void)number;
  char *begin = room(c, len + 64), *o = begin;
  memcpy(o, "PUB c ", 6); o += 6;
  o += put_number(o, (uint64_t)len);
  memcpy(o, "\r\n", 2); o += 2;
  memcpy(o, text, (size_t)len); o += len;
  memcpy(o, "\r\n", 2); o += 2;
  c->out_len += (int)(o - begin);
}

static void take_line(conn *c, const char *p, int len) {
  if (len >= 4 && !memcmp(p, "INFO", 4) && c->state == GREETED) {
    putf(c, "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"c\",\"version\":\"1\",\"protocol\":1}\r\n");
    putf(c, c->index < opt.receivers ? "SUB c 1\r\nPING\r\n" : "PING\r\n");
    c->state = JOINING;
  } else if (len >= 4 && !memcmp(p, "PONG", 4) && c->state == JOINING) { c->state = READY; ready++; }
  else if (len >= 4 && !memcmp(p, "PING", 4)) putf(c, "PONG\r\n");
  else if (*p == '-') fail("nats: %.*s", len, p);
}

static int take(conn *c, char *bytes, int len) {
  const char *p = bytes, *end = bytes + len, *newline;
  while (p < end && (newline = memchr(p, '\n', (size_t)(end - p)))) {
    if (*p == 'M') { // MSG c 1 <bytes>, then the text
      if (end - newline - 1 < opt.text + 2) break;
      delivered(c->index, newline + 1);
      p = newline + 1 + opt.text + 2;
      continue;
    }
    take_line(c, p, (int)(newline - p));
    p = newline + 1;
  }
  return (int)(p - bytes);
}

const protocol nats = {.name = "nats", .separate_publishers = true, .replies = replies, .greet = greet, .take = take, .say = say};
