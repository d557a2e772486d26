// The product's own protocol: newline-delimited JSON-RPC, every delivery a call that is answered. Clients register in
// dialect 2.0 (by name or by position) or 1.0 and are called back on a connection of its own or inline.
//
// Calls of one run look all the same but for the marker and the id, so their shape is learnt once from a call that was
// searched through, and recognised from then on by looking at four places. What does not fit is searched again.
#include "generator.h"
#include <ctype.h>

#define PAD 64        // both parts of an answer are copied in full width: no length to branch on
#define ID_DIGITS 16

/** What stands around the id in an answer. */
static struct { char before[PAD], after[PAD]; int before_len, after_len; } answer;
/** Where things stand in a call, and the call's length with its newline; 0: nothing learnt. */
static struct { int len, marker, id, id_len; } shape;

static void prepare(void) {
  static const char *shapes[][2] = {
    {"{\"jsonrpc\":\"2.0\",\"result\":{\"Success\":true},\"id\":", "}\n"},                    // --ack 0
    {"{\"jsonrpc\":\"2.0\",\"id\":", ",\"result\":{\"Success\":true}}\n"},                    // --ack 1: jayson's order
    {"{\"jsonrpc\":\"2.0\",\"id\":", ",\"result\":{\"Success\":true,\"Error\":\"\"}}\n"},     // --ack 2
    {"{\"id\":", ",\"result\":{\"Success\":true,\"Error\":\"\"},\"error\":null}\n"}};         // dialect 1.0, as Go answers
  const char **chosen = shapes[opt.dialect1 ? 3 : opt.ack];
  answer.before_len = (int)strlen(strcpy(answer.before, chosen[0]));
  answer.after_len = (int)strlen(strcpy(answer.after, chosen[1]));
}

static bool replies(void) { return true; }

// ---- what we say

/** Version and the brackets of params, as the dialect and the style want them. */
static const char *version(void) { return opt.dialect1 ? "" : "\"jsonrpc\":\"2.0\","; }
static bool in_array(void) { return opt.dialect1 || opt.by_position; }

static void greet(conn *c) {
  static conn *listeners;
  char callback[32] = "inline";
  if (!opt.is_inline) {
    if (!listeners) listeners = calloc((size_t)opt.receivers, sizeof *listeners);
    conn *l = &listeners[c->index];
    l->index = c->index;
    memcpy(callback, "127.0.0.1:", 11);
    callback[10 + put_number(callback + 10, (uint64_t)listen_for(l, opt.callback_port ? opt.callback_port + c->index : 0))] = 0;
  }
  const char *open = in_array() ? "[" : "", *close = in_array() ? "]" : "";
  putf(c, "{%s\"id\":1,\"method\":\"ChatServer.Register\",\"params\":%s{\"ID\":\"u%d\",\"Name\":\"user%d\",\"Callback\":\"%s\"}%s}\n",
       version(), open, c->index, c->index, callback, close);
}

#define COPY(to, literal) (memcpy(to, literal, sizeof literal - 1), to += sizeof literal - 1)

static void say(conn *c, int sender, uint32_t number, const char *text, int len) {
  char *begin = room(c, len + 200), *o = begin;
  COPY(o, "{");
  if (!opt.dialect1) COPY(o, "\"jsonrpc\":\"2.0\",");
  COPY(o, "\"id\":");
  o += put_number(o, number + 2ULL); // 1 was Register's
  COPY(o, ",\"method\":\"ChatServer.SendMessage\",\"params\":");
  if (in_array()) *o++ = '[';
  COPY(o, "{\"UserID\":\"u");
  o += put_number(o, (uint64_t)sender);
  COPY(o, "\",\"Text\":\"");
  memcpy(o, text, (size_t)len); o += len;
  COPY(o, "\"}");
  if (in_array()) *o++ = ']';
  COPY(o, "}\n");
  c->out_len += (int)(o - begin);
}

static void give_answer(conn *c, const char *id, int id_len) {
  char *o = room(c, 2 * PAD + ID_DIGITS + id_len);
  memcpy(o, answer.before, PAD);
  memcpy(o + answer.before_len, id, (size_t)id_len);
  memcpy(o + answer.before_len + id_len, answer.after, PAD);
  c->out_len += answer.before_len + id_len + answer.after_len;
  if (opt.ack_each) flush(c);
}

// ---- what we hear

/** The top-level "id" of any JSON object, by scanning it. */
static int scan_id(const char *p, const char *end, const char **id) {
  int depth = 0;
  bool key = false;
  for (; p < end; p++) {
    if (*p == '{' || *p == '[') { depth++; key = *p == '{'; }
    else if (*p == '}' || *p == ']') depth--;
    else if (*p == ',') key = depth == 1;
    else if (*p == '"') {
      const char *s = ++p;
      while (p < end && *p != '"') p += *p == '\\' ? 2 : 1;
      if (depth == 1 && key && p - s == 2 && s[0] == 'i' && s[1] == 'd') {
        const char *v = p + 1;
        while (v < end && (isspace((unsigned char)*v) || *v == ':')) v++;
        *id = v;
        if (*v == '"') { v++; while (v < end && *v != '"') v += *v == '\\' ? 2 : 1; return (int)(v + 1 - *id); }
        while (v < end && *v != ',' && *v != '}' && !isspace((unsigned char)*v)) v++;
        return (int)(v - *id);
      }
      key = false;
    }
  }
  return 0;
}

/** Length of the id of a frame (0: it has none): first where it usually stands, at the very end or the very beginning. */
static int find_id(const char *p, int len, const char **id) {
  const char *end = p + len, *last = end - 2;
  while (last > p + 5 && isdigit((unsigned char)*last)) last--;
  if (end[-1] == '}' && last < end - 2 && !memcmp(last - 4, "\"id\":", 5)) return *id = last + 1, (int)(end - 2 - last);
  const char *begins[] = {"{\"jsonrpc\":\"2.0\",\"id\":", "{\"id\":"};
  for (int i = 0; i < 2; i++) {
    int n = (int)strlen(begins[i]), digits = 0;
    if (len <= n || memcmp(p, begins[i], (size_t)n)) continue;
    while (n + digits < len && isdigit((unsigned char)p[n + digits])) digits++;
    if (digits) return *id = p + n, digits;
  }
  return scan_id(p, end, id);
}

/** Does a call of the known shape begin here? Then it has a marker and an id, and ends where the shape ends. */
static inline bool has_shape(const char *p, const char *end) {
  return shape.len && end - p >= shape.len && p[shape.len - 1] == '\n' && p[shape.marker] == '@' && p[shape.marker + 1] == '@' &&
         !memcmp(p + shape.id - 5, "\"id\":", 5) && !isdigit((unsigned char)p[shape.id + shape.id_len]) &&
         isdigit((unsigned char)p[shape.id + shape.id_len - 1]);
}

/** Searches a call, answers it, and learns its shape when it carries a message. `len` is without the newline. */
static void take_call(conn *c, const char *p, int len, int whole) {
  const char *id = NULL, *marker = find_marker(p, len);
  int id_len = find_id(p, len, &id);
  if (!memmem(p, (size_t)len, "\"ClientCallback.", 16)) fail("not a callback: %.*s", len > 120 ? 120 : len, p);
  if (c->kind == CALLBACK) c->state = READY;
  if (marker) delivered(c->index, marker);
  else count.others++;
  if (id_len) give_answer(c, id, id_len);
  if (!marker || id_len == 0 || id_len > ID_DIGITS || id - p < 5 || id[0] == '"' || memcmp(id - 5, "\"id\":", 5)) return;
  shape.len = whole; shape.marker = (int)(marker - p); shape.id = (int)(id - p); shape.id_len = id_len;
}

static void take_reply(conn *c, const char *p, int len) {
  const char *id = NULL;
  if (c->state == GREETED) {
    if (!memmem(p, (size_t)len, "\"Success\":true", 14)) fail("register: %.*s", len > 200 ? 200 : len, p);
    c->state = READY; ready++;
    return;
  }
  if (!find_id(p, len, &id)) { fail("a reply without an id: %.*s", len > 200 ? 200 : len, p); return; }
  uint32_t number = (uint32_t)strtoul(id, NULL, 10) - 2;
  if (c->index >= opt.senders || number >= sent[c->index]) { fail("a reply to nothing: %.*s", len > 200 ? 200 : len, p); return; }
  if (!memmem(p, (size_t)len, "\"Success\":true", 14) && ++count.rejected == 1) fail("refused: %.*s", len > 200 ? 200 : len, p);
  reply_to(c->index, number);
}

/** On a client's connection both replies and, inline, calls arrive; on a callback connection only calls. */
static bool is_call(const conn *c, const char *p, int len) {
  return c->kind == CALLBACK || (opt.is_inline && memmem(p, (size_t)(len < 96 ? len : 96), "\"method\":", 9));
}

static int take(conn *c, char *bytes, int len) {
  const char *p = bytes, *end = bytes + len, *newline;
  bool calls = c->kind == CALLBACK || opt.is_inline;
  while (p < end) {
    if (calls && has_shape(p, end) && c->state == READY) {
      delivered(c->index, p + shape.marker);
      give_answer(c, p + shape.id, shape.id_len);
      p += shape.len;
      continue;
    }
    if (!(newline = memchr(p, '\n', (size_t)(end - p)))) break;
    int line = (int)(newline - p), whole = line + 1;
    if (line && p[line - 1] == '\r') line--;
    if (line && is_call(c, p, line)) take_call(c, p, line, whole);
    else if (line) take_reply(c, p, line);
    p = newline + 1;
  }
  return (int)(p - bytes);
}

const protocol chat = {.name = "chat", .replies = replies, .prepare = prepare, .greet = greet, .take = take, .say = say};
