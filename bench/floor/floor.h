// What the pieces of the floor share.
#ifndef FLOOR_H
#define FLOOR_H
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { char *at; int from, len, cap; } bytes;
typedef struct user user;
typedef struct {
  int fd;
  bool listens, dialled, wants_out, dirty;
  bool waiting;          // 1.0: a call is unanswered
  bytes part, out;
  bytes queue;           // 1.0: calls that wait for the answer to the one before
  user *called;          // whose callbacks go out here
  uint64_t answered;     // id of the last answer
} conn;
struct user { char id[64], name[64]; conn *callback; int place; };

// floor.c
extern int coalesce;
extern bool product_frame, classic_dialect, positional;
extern enum breakage { WHOLE, DROP, REPEAT, SWAP, ALTER } breakage;
extern uint64_t break_at;
extern int journal;      // where everything is written and synced before it goes out; -1: nowhere
extern user **users;     // all, in no order
extern int users_len;

// sockets.c
extern int epoll;
char *grow(bytes *b, int more);              // room for `more` bytes
void push(bytes *b, const void *p, int n);
void watch(conn *c, int operation);
void want_out(conn *c, bool wanted);
void flush(conn *c);
void flush_dirty(void);
void mark_dirty(conn *c);
void drop_conn(conn *c);
conn *dial(int port);
void accept_all(conn *listener);
int open_listener(conn *listener, int port); // the port it got

// deliver.c
extern uint64_t last_seq;
void enqueue(user *from, const char *text, int len, bool is_system);
void deliver_batch(void);                    // what was enqueued in this turn, to everybody
void next_call(conn *c);                     // 1.0: the next call, when the one before it was answered

#endif
