// What the pieces of the load generator share: its options, its connections, the account it keeps of every message, and
// the table of protocols. One thread, one epoll set. Hot paths are inline here; each .c file says what it is for.
#ifndef GENERATOR_H
#define GENERATOR_H
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// ---- options (options.c)

typedef struct {
  const char *label;       // goes into the result line as it is
  int receivers;           // --n: clients that receive
  int senders;             // --m: of them (or beside them, where publishers are connections of their own) send
  int window;              // --window: unfinished messages per sender in the closed loop
  double rate;             // --rate: deliveries a second in total, the open loop; 0: closed loop
  double secs, warm;       // measured and unmeasured seconds
  double idle;             // --idle: seconds to only sit there; < 0: not an idle run
  double drain;            // --drain: seconds that what is under way has to arrive after the end
  int stall;               // --stall: receivers that stop reading
  int port;                // of the server
  int pid;                 // of the server, for its CPU time and memory; 0: not measured
  int callback_port;       // --cbport: first port of the callback servers; 0: the system chooses
  int connecting;          // --conc: clients that are connecting at the same time
  int text;                // --text: bytes of a message's text
  bool unicode;            // texts that are not ASCII behind their marker
  int ack;                 // shape of an answer, see chat.c
  bool ack_each;           // one write an answer
  bool dialect1;           // --dialect 1.0: JSON-RPC 1.0 as Go's net/rpc/jsonrpc speaks it
  bool by_position;        // params in an array
  bool is_inline;          // callbacks on the registering connection
  int mqtt_qos;            // 0 or 1
  bool sio_ack;            // Socket.IO with acknowledgements
  int quick_ack;           // --quickack: no delayed TCP ACKs, for servers that leave Nagle on; < 0: as the protocol needs
} options;
extern options opt;
void read_options(int count, char **words);

// ---- connections (connection.c)

enum kind { LISTENER, CLIENT, CALLBACK };
enum state { NEW, GREETED, JOINING, READY };

typedef struct {
  int fd, index;                       // index: number of the client it belongs to
  uint8_t kind, state;
  bool wants_out, dirty, closed, stalled;
  char *part; int part_len, part_cap;  // an unfinished frame of the last read
  char *out; int out_from, out_len, out_cap;
} conn;

extern int64_t now_ns;                 // time of the event that is being handled
extern int64_t idle_ns, polls, events; // what the event loop did
extern bool aborting;
extern char abort_reason[256];
extern int64_t closed_receivers;

int64_t clock_ns(void);
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn)); // cannot run: exit status 2
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));          // the run is void: first reason counts
void open_loop(void);
int turn(int timeout_ms);              // one turn of the event loop; how many events
void connect_client(conn *c);
int listen_for(conn *listener, int port); // the port it got
void set_stalled(conn *c);
void close_conn(conn *c);
void flush(conn *c);
void flush_dirty(void);
void mark_dirty(conn *c);              // to be flushed at the end of the turn
void grow_out(conn *c, int bytes);
void putf(conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Room for `bytes` more bytes of output; they count when `out_len` is raised. */
static inline char *room(conn *c, int bytes) {
  if (__builtin_expect(c->out_len + bytes > c->out_cap, 0)) grow_out(c, bytes);
  return c->out + c->out_len;
}
static inline void put(conn *c, const void *bytes, int len) { memcpy(room(c, len), bytes, len); c->out_len += len; }

// ---- latencies (histogram.c): log-linear, 64 steps per power of two, error < 1.6 %

#define STEPS 64
typedef struct { int64_t counts[64 * STEPS]; int64_t n, max; } histogram;
double quantile_us(const histogram *h, double q);
static inline void record(histogram *h, int64_t ns) {
  if (ns < 0) ns = 0;
  if (ns > h->max) h->max = ns;
  int at = (int)ns;
  if (ns >= STEPS) { int e = 63 - __builtin_clzll(ns) - 6; at = (e + 1) * STEPS + (int)((ns >> e) - STEPS); }
  h->counts[at]++; h->n++;
}

// ---- the account of messages (account.c): every receiver gets every message of every sender once and in order

#define RING 65536                      // messages of one sender that can be under way
#define MARKER 18                       // "@@ssss:qqqqqqqqqq:" at the beginning of each text: sender and number

typedef struct { int64_t at; int32_t remaining; bool measured; } slot;
typedef struct {
  int64_t gaps, duplicates, altered, deliveries, measured, complete, replies, rejected, others, wrong_counts;
} tally;
extern tally count;
extern histogram delivery_times, reply_times;
extern bool measuring;
extern uint32_t *expected;              // [receiver][sender]: number of the next message
extern uint32_t *sent, *replied;        // [sender]
extern int *in_flight;                  // [sender]
extern slot *slots;                     // [sender][RING]
extern int clients_total;               // connections to the server
extern int ready;                       // of them, those that joined

void open_account(void);
int fanout(void);                       // receivers that a message must reach
int64_t lost_messages(void);            // after the end; counts own messages that came back as duplicates
int make_text(char *to, int sender, uint32_t number);
bool is_filler(const char *text);       // behind the marker stands what make_text wrote
void send_message(int sender, int64_t at);

static inline slot *slot_of(int sender, uint32_t number) { return &slots[(size_t)sender * RING + (number & (RING - 1))]; }
static inline void finish_one(int sender, slot *s) {
  if (--s->remaining == 0) { in_flight[sender]--; count.complete++; }
}
/** The server answered the sending of a message. */
static inline void reply_to(int sender, uint32_t number) {
  slot *s = slot_of(sender, number);
  count.replies++;
  if (s->measured) record(&reply_times, now_ns - s->at);
  finish_one(sender, s);
}
/** For protocols whose replies carry no number: they come in order. */
static inline void reply_to_next(int sender) { reply_to(sender, replied[sender]++); }

/** The value of eight digits, all at once: neighbours are added up to pairs, pairs to fours, fours to the eight. */
static inline uint32_t eight_digits(const char *digits) {
  uint64_t v;
  memcpy(&v, digits, 8);
  v = (v & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
  v = (v & 0x00ff00ff00ff00ff) * 6553601 >> 16;
  return (uint32_t)((v & 0x0000ffff0000ffff) * 42949672960001 >> 32);
}

/** Message `text` (it begins with the marker) arrived at a receiver. */
static inline void delivered(int receiver, const char *text) {
  int sender = (text[2] - '0') * 1000 + (text[3] - '0') * 100 + (text[4] - '0') * 10 + (text[5] - '0');
  uint32_t number = (uint32_t)((text[7] - '0') * 10 + (text[8] - '0')) * 100000000u + eight_digits(text + 9);
  if ((unsigned)sender >= (unsigned)opt.senders) { fail("a text of unknown sender %d", sender); return; }
  uint32_t *next = &expected[(size_t)receiver * opt.senders + sender];
  if (__builtin_expect(number != *next, 0)) {
    if (number < *next) { count.duplicates++; return; }
    count.gaps += number - *next;
  }
  *next = number + 1;
  // Comparing every text would cost more than receiving it: one in 64 of each receiver is compared byte for byte.
  if (__builtin_expect(((number + receiver) & 63) == 0, 0) && !is_filler(text)) count.altered++;
  slot *s = slot_of(sender, number);
  count.deliveries++;
  if (measuring) count.measured++;
  // When it was sent decides, not when it came: else a server that falls behind would be judged by its quickest deliveries, or by none.
  if (s->measured) record(&delivery_times, now_ns - s->at);
  finish_one(sender, s);
}
/** Where the marker stands in a frame: first looks where it stood last time. */
static inline const char *find_marker(const char *frame, int len) {
  static int last = 0;
  if (last + MARKER <= len && frame[last] == '@' && frame[last + 1] == '@') return frame + last;
  const char *found = memmem(frame, len, "@@", 2);
  if (!found || found + MARKER > frame + len) return NULL;
  last = (int)(found - frame);
  return found;
}
static inline int put_number(char *to, uint64_t value) {
  char digits[20]; int n = 0;
  do digits[n++] = (char)('0' + value % 10); while (value /= 10);
  for (int i = 0; i < n; i++) to[i] = digits[n - 1 - i];
  return n;
}

// ---- protocols (chat.c, irc.c, redis.c, nats.c, mqtt.c, websocket.c)

typedef struct {
  const char *name;
  bool separate_publishers;             // senders are connections of their own, and get no messages
  bool quick_ack;                       // the server leaves Nagle on: do not punish it with delayed ACKs
  bool (*replies)(void);                // sending is answered
  void (*prepare)(void);                // once, after the options are known; may be NULL
  void (*greet)(conn *c);               // first words of a client
  int (*take)(conn *c, char *bytes, int len);  // takes whole frames; how many bytes it took
  void (*say)(conn *c, int sender, uint32_t number, const char *text, int len);
} protocol;
extern const protocol chat, irc, redis, nats, mqtt, sio, ws;
extern const protocol *spoken;

// ---- the server and the machine, seen from outside (measure.c)

typedef struct { long busy[2], steal[2], soft[2]; } cores; // ticks of 10 ms on the first two cores
int64_t cpu_ns(int pid);
long rss_kb(int pid);
void read_cores(cores *c);

#endif
