// IRC: one channel, nothing is acknowledged; the server sends no echo to the sender.
#include "generator.h"

static bool replies(void) { return false; }
static void greet(conn *c) { putf(c, "NICK u%d\r\nUSER u%d 0 * :u\r\n", c->index, c->index); }

static void say(conn *c, int sender, uint32_t number, const char *text, int len) {
  (void)sender; (void)number;
  put(c, "PRIVMSG #c :", 12); put(c, text, len); put(c, "\r\n", 2);
}

static void take_line(conn *c, const char *p, int len) {
  const char *marker = c->state == READY ? find_marker(p, len) : NULL;
  if (marker) delivered(c->index, marker);
  else if (len > 4 && !memcmp(p, "PING", 4)) { put(c, "PONG", 4); put(c, p + 4, len - 4); put(c, "\n", 1); }
  else if (c->state == GREETED && memmem(p, (size_t)len, " 001 ", 5)) { c->state = JOINING; putf(c, "JOIN #c\r\n"); }
  else if (c->state == JOINING && memmem(p, (size_t)len, " 366 ", 5)) { c->state = READY; ready++; }
  else if (len > 5 && !memcmp(p, "ERROR", 5)) fail("irc: %.*s", len > 200 ? 200 : len, p);
  else count.others++;
}

static int take(conn *c, char *bytes, int len) {
  const char *p = bytes, *end = bytes + len, *newline;
  for (; p < end && (newline = memchr(p, '\n', (size_t)(end - p))); p = newline + 1) take_line(c, p, (int)(newline - p));
  return (int)(p - bytes);
}

const protocol irc = {.name = "irc", .quick_ack = true, .replies = replies, .greet = greet, .take = take, .say = say};
