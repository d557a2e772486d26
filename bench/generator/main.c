// A single-threaded load generator for chat servers that fan out.
//
// Closed loop: each sender keeps at most --window messages under way; a message is complete when every receiver has it
//   (and, where the protocol answers, the sending was answered).
// Open loop: --rate deliveries a second in total; latency counts from the time a message was due, not from when it was sent.
// Idle: --idle seconds of sitting there, for memory and CPU time a client.
//
// Each receiver must get each message of each sender exactly once and in order; one line of JSON is the result.
#include "generator.h"
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define SECOND 1000000000LL

static conn *clients;
static double setup_s, settle_s;
static long rss_empty, rss_ready, rss_peak;

/** Readings at one end of the measured time; the result has the differences. */
typedef struct { int64_t at, server, generator, idle, polls, events, deliveries, complete; cores cores; } reading;
static reading first, last;

static reading read_all(void) {
  reading r = {.at = now_ns, .server = cpu_ns(opt.pid), .generator = cpu_ns(getpid()), .idle = idle_ns, .polls = polls,
               .events = events, .deliveries = count.deliveries, .complete = count.complete};
  read_cores(&r.cores);
  return r;
}

/**
 * Connects everybody, a few at a time, and waits until the join notices have settled (both bounded). Before an idle run it
 * waits longer: what a server still tells and tidies up a second later is not what idle clients cost.
 */
static void join_all(void) {
  int64_t began = clock_ns();
  int started = 0;
  while (ready < clients_total && !aborting) {
    for (; started < clients_total && started - ready < opt.connecting; started++) {
      conn *c = &clients[started];
      c->index = started;
      connect_client(c);
      spoken->greet(c);
      flush(c);
    }
    turn(100);
    if (clock_ns() - began > 120 * SECOND) fail("only %d of %d clients joined within 120 s", ready, clients_total);
  }
  setup_s = (double)(clock_ns() - began) / 1e9;
  int64_t quiet_since = clock_ns(), end = quiet_since + 60 * SECOND, quiet = opt.idle >= 0 ? 3 * SECOND / 2 : 3 * SECOND / 10;
  while (!aborting && clock_ns() - quiet_since < quiet && clock_ns() < end) if (turn(50)) quiet_since = clock_ns();
  settle_s = (double)(clock_ns() - began) / 1e9 - setup_s;
}

void send_message(int sender, int64_t at) {
  char text[4096];
  conn *c = &clients[spoken->separate_publishers ? opt.receivers + sender : sender];
  uint32_t number = sent[sender]++;
  *slot_of(sender, number) = (slot){.at = at, .remaining = fanout() + (spoken->replies() ? 1 : 0), .measured = measuring};
  in_flight[sender]++;
  spoken->say(c, sender, number, text, make_text(text, sender, number));
  mark_dirty(c);
}

/** Sends what is due by now; `next` is when the next message is. A sender whose ring is full waits. */
static void send_due(double *next, double every) {
  static int sender;
  for (int burst = 0; *next <= (double)now_ns && in_flight[sender] < RING - 1 && burst < 4096; burst++, *next += every) {
    send_message(sender, (int64_t)*next);
    sender = (sender + 1) % opt.senders;
  }
}

static void watch_memory(void) {
  static int64_t next;
  if (now_ns < next) return;
  long kb = rss_kb(opt.pid);
  if (kb > rss_peak) rss_peak = kb;
  next = now_ns + SECOND / 5;
}

static void run(void) {
  now_ns = clock_ns();
  int64_t begin = now_ns + (int64_t)(opt.warm * 1e9), end = 0;
  double next = (double)now_ns, every = opt.rate > 0 ? 1e9 / (opt.rate / fanout()) : 0;
  while (!aborting) {
    // A machine that stood still at `begin` has a longer warming up, never a shorter measuring.
    if (!measuring && now_ns >= begin) { first = read_all(); measuring = true; end = now_ns + (int64_t)(opt.secs * 1e9); }
    if (measuring && now_ns >= end) break;
    watch_memory();
    if (opt.rate > 0) send_due(&next, every);
    else for (int s = 0; s < opt.senders; s++) while (in_flight[s] < opt.window) send_message(s, now_ns);
    flush_dirty();
    if (!turn(0)) now_ns = clock_ns();
  }
  measuring = false;
  last = read_all();
}

static int under_way(void) {
  int total = 0;
  for (int s = 0; s < opt.senders; s++) total += in_flight[s];
  return total;
}

/** Whether everything arrived within the given time; then a moment more, in which nothing may arrive twice. */
static bool drain(void) {
  int64_t end = clock_ns() + (int64_t)(opt.drain * 1e9);
  for (flush_dirty(); !aborting && under_way() && clock_ns() < end; flush_dirty()) turn(20);
  bool drained = !aborting && !under_way();
  int64_t quiet_end = clock_ns() + SECOND / 20;
  while (drained && !aborting && clock_ns() < quiet_end) { turn(10); flush_dirty(); }
  return drained;
}

static const char *yes(bool b) { return b ? "true" : "false"; }

static int report_idle(int64_t cpu_before) {
  long kb = rss_kb(opt.pid);
  printf("{\"label\":\"%s\",\"mode\":\"idle\",\"n\":%d,\"ok\":%s,\"err\":\"%s\",\"rss0_kb\":%ld,\"rss_kb\":%ld,\"kb_per_client\":%.2f,"
         "\"setup_s\":%.2f,\"settle_s\":%.2f,\"idle_cpu_pct\":%.2f,\"other\":%ld}\n",
         opt.label, opt.receivers, yes(!aborting), abort_reason, rss_empty, kb, (double)(kb - rss_empty) / opt.receivers, setup_s,
         settle_s, (double)(cpu_ns(opt.pid) - cpu_before) / 1e7 / opt.idle, (long)count.others);
  return aborting ? 1 : 0;
}

static void print_latency(const char *name, const histogram *h) {
  printf("\"%s\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},", name, quantile_us(h, .5), quantile_us(h, .9),
         quantile_us(h, .99), quantile_us(h, .999), (double)h->max / 1e3);
}

/** CPU seconds a second: of the server, of the first two cores, of this program. */
static void print_cpu(double secs, int64_t deliveries) {
  const cores *a = &first.cores, *b = &last.cores;
  double server = (double)(last.server - first.server), ticks = secs * 100;
  double steal = (double)(b->steal[0] + b->steal[1] - a->steal[0] - a->steal[1]);
  double n_events = (double)(last.events - first.events), n_polls = (double)(last.polls - first.polls);
  printf("\"srv_cpu\":%.3f,\"srv_cpu_per_M\":%.3f,", server / 1e9 / secs, deliveries ? server / 1e3 / (double)deliveries : 0);
  printf("\"core0_busy\":%.3f,\"core1_busy\":%.3f,\"core0_soft\":%.3f,\"steal\":%.3f,", (double)(b->busy[0] - a->busy[0]) / ticks,
         (double)(b->busy[1] - a->busy[1]) / ticks, (double)(b->soft[0] - a->soft[0]) / ticks, steal / ticks);
  printf("\"lg_cpu\":%.3f,\"lg_busy\":%.3f,\"evs_per_poll\":%.1f,\"deliv_per_ev\":%.2f,",
         (double)(last.generator - first.generator) / 1e9 / secs, 1 - (double)(last.idle - first.idle) / 1e9 / secs,
         n_polls > 0 ? n_events / n_polls : 0, n_events > 0 ? (double)deliveries / n_events : 0);
}

static int report(bool drained) {
  double secs = (double)(last.at - first.at) / 1e9;
  if (!first.at || secs <= 0) secs = 1;
  int64_t deliveries = last.deliveries - first.deliveries, lost = lost_messages();
  bool ok = !aborting && drained && deliveries > 0 && !count.gaps && !count.duplicates && !count.altered && !lost && !count.rejected &&
            !count.wrong_counts && !closed_receivers;
  printf("{\"label\":\"%s\",\"mode\":\"%s\",\"n\":%d,\"m\":%d,\"w\":%d,\"rate\":%.0f,\"ok\":%s,\"err\":\"%s\",", opt.label,
         opt.rate > 0 ? "rate" : "sat", opt.receivers, opt.senders, opt.window, opt.rate, yes(ok), abort_reason);
  printf("\"secs\":%.3f,\"deliveries\":%ld,\"dps\":%.0f,\"mps\":%.0f,", secs, (long)deliveries, (double)deliveries / secs,
         (double)(last.complete - first.complete) / secs);
  print_latency("lat_us", &delivery_times);
  print_latency("reply_us", &reply_times);
  print_cpu(secs, deliveries);
  printf("\"rss0_kb\":%ld,\"rss_ready_kb\":%ld,\"rss_peak_kb\":%ld,\"rss_end_kb\":%ld,\"setup_s\":%.2f,\"settle_s\":%.2f,", rss_empty,
         rss_ready, rss_peak, rss_kb(opt.pid), setup_s, settle_s);
  printf("\"gap\":%ld,\"dup\":%ld,\"lost\":%ld,\"altered\":%ld,\"reject\":%ld,\"other\":%ld,\"rx_closed\":%ld,\"drained\":%s}\n",
         (long)count.gaps, (long)count.duplicates, (long)lost, (long)count.altered, (long)count.rejected, (long)count.others,
         (long)closed_receivers, yes(drained));
  return ok ? 0 : 1;
}

static void allow_many_files(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int main(int words_count, char **words) {
  read_options(words_count, words);
  signal(SIGPIPE, SIG_IGN);
  allow_many_files();
  open_loop();
  open_account();
  if (spoken->prepare) spoken->prepare();
  clients = calloc((size_t)clients_total, sizeof *clients);
  rss_empty = rss_kb(opt.pid);
  join_all();
  rss_ready = rss_kb(opt.pid);
  if (opt.idle >= 0) {
    int64_t cpu = cpu_ns(opt.pid), end = clock_ns() + (int64_t)(opt.idle * 1e9);
    while (clock_ns() < end && !aborting) turn(100);
    return report_idle(cpu);
  }
  for (int i = opt.receivers - opt.stall; i < opt.receivers; i++) set_stalled(&clients[i]);
  run();
  return report(drain());
}
