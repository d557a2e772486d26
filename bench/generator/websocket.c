// WebSocket, bare (ws) and as Socket.IO 4 speaks it (sio: Engine.IO 4 packets, deliveries and sendings acknowledged or not).
// Sending is unacknowledged except for `--proto sio --sioack 1`.
#include "generator.h"
#include <ctype.h>

enum opcode { TEXT = 1, CLOSE = 8, PING = 9 };

static bool is_sio(void) { return spoken == &sio; }
static bool replies(void) { return is_sio() && opt.sio_ack; }

static void greet(conn *c) {
  putf(c, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
       is_sio() ? "/socket.io/?EIO=4&transport=websocket" : "/", opt.port);
}

/** A text frame, masked with the key 0: what masking costs a client is not the question here. */
static void put_frame(conn *c, const char *text, int len) {
  char *begin = room(c, len + 8), *o = begin;
  *o++ = (char)(0x80 | TEXT);
  if (len < 126) *o++ = (char)(0x80 | len);
  else { *o++ = (char)(0x80 | 126); *o++ = (char)(len >> 8); *o++ = (char)len; }
  memset(o, 0, 4); o += 4;
  memcpy(o, text, (size_t)len); o += len;
  c->out_len += (int)(o - begin);
}

static void say_plain(conn *c, int sender, uint32_t number, const char *text, int len) {
  (void)sender; (void)number;
  put_frame(c, text, len);
}

static void say_event(conn *c, int sender, uint32_t number, const char *text, int len) {
  (void)sender;
  char event[4096 + 64] = "42";
  int n = 2;
  if (opt.sio_ack) n += put_number(event + n, number);
  memcpy(event + n, "[\"chat\",\"", 9); n += 9;
  memcpy(event + n, text, (size_t)len); n += len;
  memcpy(event + n, "\"]", 2); n += 2;
  put_frame(c, event, n);
}

/** An event with an id wants an acknowledgement: 42<id>[…] is answered with 43<id>[true]. */
static void acknowledge(conn *c, const char *d, int len) {
  if (len < 4 || d[0] != '4' || d[1] != '2' || !isdigit((unsigned char)d[2])) return;
  char answer[32] = "43";
  int n = 2;
  while (n < 20 && isdigit((unsigned char)d[n])) { answer[n] = d[n]; n++; }
  memcpy(answer + n, "[true]", 6);
  put_frame(c, answer, n + 6);
}

static void take_sio(conn *c, const char *d, int len) {
  if (len && d[0] == '0') put_frame(c, "40", 2);
  else if (len && d[0] == '2') put_frame(c, "3", 1);
  else if (len > 1 && d[0] == '4' && d[1] == '0') { c->state = READY; ready++; }
  else if (len > 2 && d[0] == '4' && d[1] == '3') reply_to(c->index, (uint32_t)strtoul(d + 2, NULL, 10));
  else count.others++;
}

static void take_frame(conn *c, int opcode, const char *d, int len) {
  const char *marker = c->state == READY ? find_marker(d, len) : NULL;
  if (opcode == PING) put(c, "\x8a\x80\0\0\0\0", 6);
  else if (opcode == CLOSE) fail("ws: the server closed client %d", c->index);
  else if (marker) {
    delivered(c->index, marker);
    if (is_sio()) acknowledge(c, d, len);
  } else if (is_sio()) take_sio(c, d, len);
}

/** The answer to the upgrade; how long it is, 0 when it is not whole. */
static int take_upgrade(conn *c, const char *p, int len) {
  const char *end = memmem(p, (size_t)len, "\r\n\r\n", 4);
  if (!end) return 0;
  if (strncmp(p, "HTTP/1.1 101", 12)) fail("ws: %.*s", 40, p);
  c->state = is_sio() ? JOINING : READY;
  if (!is_sio()) ready++;
  return (int)(end + 4 - p);
}

static int take(conn *c, char *bytes, int len) {
  char *p = bytes, *end = bytes + len;
  if (c->state == GREETED) p += take_upgrade(c, p, len);
  if (c->state == GREETED) return 0;
  while (end - p >= 2 && !aborting) {
    unsigned char *u = (unsigned char *)p;
    uint64_t size = u[1] & 127;
    int head = 2;
    if (size == 126) { if (end - p < 4) break; size = (uint64_t)(u[2] << 8 | u[3]); head = 4; }
    else if (size == 127) { if (end - p < 10) break; size = 0; for (int i = 2; i < 10; i++) size = size << 8 | u[i]; head = 10; }
    if ((uint64_t)(end - p) < (uint64_t)head + size) break;
    take_frame(c, u[0] & 15, p + head, (int)size);
    p += (uint64_t)head + size;
  }
  return (int)(p - bytes);
}

const protocol ws = {.name = "ws", .replies = replies, .greet = greet, .take = take, .say = say_plain};
const protocol sio = {.name = "sio", .replies = replies, .greet = greet, .take = take, .say = say_event};
