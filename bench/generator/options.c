// The command line: --name value, as generator.h explains each.
#include "generator.h"

options opt = {.label = "", .receivers = 10, .senders = 1, .window = 64, .secs = 3, .warm = 1, .idle = -1, .drain = 15, .port = 9999,
               .connecting = 32, .text = 100, .mqtt_qos = 1, .quick_ack = -1};
const protocol *spoken = &chat;

static const protocol *named(const char *name) {
  const protocol *all[] = {&chat, &irc, &redis, &nats, &mqtt, &sio, &ws};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) if (!strcmp(all[i]->name, name)) return all[i];
  die("--proto %s: no such protocol", name);
}

static void set_dialect(const char *value) {
  if (strcmp(value, "1.0") && strcmp(value, "2.0")) die("--dialect is 1.0 or 2.0, not %s", value);
  opt.dialect1 = value[0] == '1';
}

static bool set_number(const char *name, const char *value) {
  const struct { const char *name; int *to; } ints[] = {
    {"n", &opt.receivers}, {"m", &opt.senders}, {"window", &opt.window}, {"stall", &opt.stall}, {"port", &opt.port}, {"pid", &opt.pid},
    {"cbport", &opt.callback_port}, {"conc", &opt.connecting}, {"text", &opt.text}, {"ack", &opt.ack}, {"qos", &opt.mqtt_qos},
    {"quickack", &opt.quick_ack}};
  const struct { const char *name; double *to; } reals[] = {
    {"rate", &opt.rate}, {"secs", &opt.secs}, {"warm", &opt.warm}, {"idle", &opt.idle}, {"drain", &opt.drain}};
  const struct { const char *name; bool *to; } flags[] = {
    {"ackeach", &opt.ack_each}, {"byposition", &opt.by_position}, {"inline", &opt.is_inline}, {"unicode", &opt.unicode},
    {"sioack", &opt.sio_ack}};
  for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) if (!strcmp(ints[i].name, name)) return *ints[i].to = atoi(value), true;
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) if (!strcmp(reals[i].name, name)) return *reals[i].to = atof(value), true;
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) if (!strcmp(flags[i].name, name)) return *flags[i].to = atoi(value) != 0, true;
  return false;
}

static int within(int value, int least, int most) { return value < least ? least : value > most ? most : value; }

void read_options(int count_, char **words) {
  for (int i = 1; i < count_; i += 2) {
    const char *name = words[i], *value = i + 1 < count_ ? words[i + 1] : NULL;
    if (strncmp(name, "--", 2)) die("%s: options are --name value", name);
    if (!value) die("%s needs a value", name);
    name += 2;
    if (!strcmp(name, "proto")) spoken = named(value);
    else if (!strcmp(name, "label")) opt.label = value;
    else if (!strcmp(name, "dialect")) set_dialect(value);
    else if (!set_number(name, value)) die("--%s: no such option", name);
  }
  opt.text = within(opt.text, MARKER + 2, 4000);
  opt.ack = within(opt.ack, 0, 2);
  opt.receivers = within(opt.receivers, 2, 50000);
  opt.senders = within(opt.senders, 1, 64);
  opt.window = within(opt.window, 1, RING - 1);
  opt.stall = within(opt.stall, 0, opt.receivers - 2);
  if (!spoken->separate_publishers) opt.senders = within(opt.senders, 1, opt.receivers - opt.stall);
  if (opt.quick_ack < 0) opt.quick_ack = spoken->quick_ack;
  clients_total = opt.receivers + (spoken->separate_publishers ? opt.senders : 0);
}
