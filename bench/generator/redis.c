// Redis publish and subscribe: publishers are connections of their own; PUBLISH is answered with the number of receivers,
// a delivery is not answered.
#include "generator.h"
#include <stdio.h>

static char before[64];       // what stands before the text of a delivery
static int before_len;

static bool replies(void) { return true; }
static void prepare(void) { before_len = sprintf(before, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$%d\r\n", opt.text); }
static void greet(conn *c) { putf(c, c->index < opt.receivers ? "SUBSCRIBE c\r\n" : "PING\r\n"); }

static void say(conn *c, int sender, uint32_t number, const char *text, int len) {
  (void)sender; (void)number;
  char *begin = room(c, len + 64), *o = begin;
  memcpy(o, "*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$", 25); o += 25;
  o += put_number(o, (uint64_t)len);
  memcpy(o, "\r\n", 2); o += 2;
  memcpy(o, text, (size_t)len); o += len;
  memcpy(o, "\r\n", 2); o += 2;
  c->out_len += (int)(o - begin);
}

/** A frame that begins with '*': a message or the answer to SUBSCRIBE. How long it is, or 0 when it is not whole. */
static int take_array(conn *c, const char *p, int len) {
  int whole = before_len + opt.text + 2;
  if (len >= before_len && !memcmp(p, before, (size_t)before_len)) {
    if (len < whole) return 0;
    delivered(c->index, p + before_len);
    return whole;
  }
  if (len >= 30 && !memcmp(p, "*3\r\n$9\r\nsubscribe", 17)) { c->state = READY; ready++; return 30; }
  if (len >= before_len) fail("redis: %.*s", 40, p);
  return 0;
}

static void take_line(conn *c, const char *p, int len) {
  if (*p == ':') {
    if (atoi(p + 1) != opt.receivers) count.wrong_counts++;
    reply_to_next(c->index - opt.receivers);
  } else if (*p != '+') fail("redis: %.*s", len, p);
  else if (c->state == GREETED) { c->state = READY; ready++; }
}

static int take(conn *c, char *bytes, int len) {
  const char *p = bytes, *end = bytes + len, *newline;
  while (p < end) {
    if (*p == '*') {
      int n = take_array(c, p, (int)(end - p));
      if (!n) break;
      p += n;
      continue;
    }
    if (!(newline = memchr(p, '\n', (size_t)(end - p)))) break;
    take_line(c, p, (int)(newline - p));
    p = newline + 1;
  }
  return (int)(p - bytes);
}

const protocol redis = {
  .name = "redis", .separate_publishers = true, .replies = replies, .prepare = prepare, .greet = greet, .take = take, .say = say};
