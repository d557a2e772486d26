// MQTT 3.1.1 with QoS 0 or 1 (each delivery and each publication answered with a PUBACK); publishers are connections of their own.
#include "generator.h"
#include <stdio.h>

enum packet { CONNACK = 2, PUBLISH = 3, PUBACK = 4, SUBACK = 9 };

static bool replies(void) { return opt.mqtt_qos > 0; }

static void greet(conn *c) {
  char id[16];
  int len = snprintf(id, sizeof id, "c%d", c->index);
  char connect[] = {0x10, (char)(12 + len), 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, (char)len};
  put(c, connect, sizeof connect);
  put(c, id, len);
}

static void say(conn *c, int sender, uint32_t number, const char *text, int len) {
  (void)sender;
  int rest = 3 + (opt.mqtt_qos ? 2 : 0) + len, id = (int)(number % 65535) + 1;
  char *begin = room(c, rest + 8), *o = begin;
  *o++ = (char)(0x30 | opt.mqtt_qos << 1);
  if (rest < 128) *o++ = (char)rest;
  else { *o++ = (char)((rest & 127) | 128); *o++ = (char)(rest >> 7); }
  *o++ = 0; *o++ = 1; *o++ = 'c';
  if (opt.mqtt_qos) { *o++ = (char)(id >> 8); *o++ = (char)id; }
  memcpy(o, text, (size_t)len); o += len;
  c->out_len += (int)(o - begin);
}

static void joined(conn *c) { c->state = READY; ready++; }

static void take_packet(conn *c, int type, int qos, unsigned char *body) {
  if (type == PUBLISH) {
    unsigned char *text = body + 2 + (body[0] << 8 | body[1]);
    if (qos) { char answer[4] = {0x40, 2, (char)text[0], (char)text[1]}; put(c, answer, 4); text += 2; }
    delivered(c->index, (char *)text);
  } else if (type == PUBACK) reply_to_next(c->index - opt.receivers);
  else if (type == CONNACK) {
    if (body[1]) fail("mqtt: connection refused with %d", body[1]);
    if (c->index >= opt.receivers) { joined(c); return; }
    char subscribe[] = {(char)0x82, 6, 0, 1, 0, 1, 'c', (char)opt.mqtt_qos};
    put(c, subscribe, sizeof subscribe);
    c->state = JOINING;
  } else if (type == SUBACK) {
    if (body[2] > 2) fail("mqtt: subscription refused with %d", body[2]);
    joined(c);
  }
}

static int take(conn *c, char *bytes, int len) {
  unsigned char *p = (unsigned char *)bytes, *end = p + len;
  while (end - p >= 2) {
    uint32_t rest = 0;
    int at = 1, shift = 0;
    bool known = false;
    while (p + at < end && at <= 4 && !known) { rest |= (uint32_t)(p[at] & 127) << shift; shift += 7; known = !(p[at++] & 128); }
    if (!known || end - p < (long)(at + rest)) break;
    take_packet(c, p[0] >> 4, (p[0] >> 1) & 3, p + at);
    p += at + rest;
  }
  return (int)((char *)p - bytes);
}

const protocol mqtt = {.name = "mqtt", .separate_publishers = true, .replies = replies, .greet = greet, .take = take, .say = say};
