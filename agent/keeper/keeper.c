/*
 * Starts a job's command below a small process of its own, the keeper. keeper.ts explains why.
 *
 * This file is compiled when it is first needed, on machines that have neither headers nor a library to link with, so it
 * gets the C library's functions as addresses. The keeper shares the memory of the supervisor; so does the leader, until
 * it becomes the command. So nothing here may touch the state of the C library or the runtime: no allocation, no wrapper
 * except `syscall` and `clone`, a stack and a thread pointer of its own, every signal blocked.
 */
typedef unsigned long u64;

#if defined(__x86_64__)
enum {
  WRITE = 1, OPEN_AT = 257, CLOSE = 3, SIGACTION = 13, SIGPROCMASK = 14, DUP3 = 292, SETSID = 112, UMASK = 95,
  CHDIR = 80, EXECVE = 59, EXIT_GROUP = 231, PRCTL = 157, PRLIMIT64 = 302, WAITID = 247, MMAP = 9,
  SETGROUPS = 116, SETRESUID = 117, SETRESGID = 119, CLOSE_RANGE = 436
};
#elif defined(__aarch64__)
enum {
  WRITE = 64, OPEN_AT = 56, CLOSE = 57, SIGACTION = 134, SIGPROCMASK = 135, DUP3 = 24, SETSID = 157, UMASK = 166,
  CHDIR = 49, EXECVE = 221, EXIT_GROUP = 94, PRCTL = 167, PRLIMIT64 = 261, WAITID = 95, MMAP = 222,
  SETGROUPS = 159, SETRESUID = 147, SETRESGID = 149, CLOSE_RANGE = 436
};
#endif

static long (*syscall)(long number, ...);
static int (*clone)(int (*run)(void *), void *stack, int flags, void *argument, ...);
static int *(*errno_location)(void);

enum {
  AT_FDCWD = -100, O_WRONLY = 1, CLONE_VM = 0x100, CLONE_VFORK = 0x4000, CLONE_SETTLS = 0x80000, SIGCHLD = 17,
  PR_SET_NAME = 15, PR_SET_CHILD_SUBREAPER = 36, RLIMIT_NOFILE = 7, RLIMIT_LOCKS = 10, SIG_SETMASK = 2,
  P_ALL = 0, WNOHANG = 1, WEXITED = 4, EINTR = 4, SIGNALS = 64, SI_CODE = 2, SI_PID = 4, SI_STATUS = 6, STACK_BYTES = 65536,
  ROOM_BYTES = 65536, RECORD_LONGS = 8, LAUNCHED = 1, ENDED = 2, GONE = 4
};
#define LAST_FD 0xffffffffu

/* keeper.ts fills in and reads this; every field has eight bytes. A number of -1 leaves the setting unchanged. */
struct launch {
  const char *program;
  char *const *argv;
  char *const *envp;
  const char *directory;
  const char *const *groups; /* files that take the leader's id, then 0 */
  const char *name;          /* the keeper's, at most 15 bytes */
  const unsigned *account_groups;
  long account_group_count;
  long user;
  long group;
  long in;
  long out;
  long err;
  long status;
  long number;
  long umask;
  long open_files;
  u64 mark;
  long highest_fd; /* used if there is no close_range */
  char *memory;    /* from `keeper_memory` */
  /* written here */
  long stage;
  long error;
  long keeper;
};

enum stage { STAGE_CLONE = 1, STAGE_CONTROL_GROUP, STAGE_ACCOUNT, STAGE_DIRECTORY, STAGE_EXEC };

static long call(long number, u64 a, u64 b, u64 c, u64 d, u64 e) { return syscall(number, a, b, c, d, e); }

static void close_from(u64 first, u64 last, u64 highest) {
  u64 fd;
  if (call(CLOSE_RANGE, first, last, 0, 0, 0) == 0) return;
  for (fd = first; fd <= last && fd <= highest; fd++) call(CLOSE, fd, 0, 0, 0, 0);
}

static void leave(int code) {
  for (;;) call(EXIT_GROUP, code, 0, 0, 0, 0);
}

static int fail(struct launch *job, int stage) {
  job->error = *errno_location();
  job->stage = stage;
  leave(127);
  return 0;
}

/* The runtime's handlers must not run here, and the job must not ignore the signals that the runtime ignores. */
static void reset_signals(void) {
  u64 fresh[4];
  u64 none = 0;
  int signal;
  fresh[0] = fresh[1] = fresh[2] = fresh[3] = 0;
  for (signal = 1; signal <= SIGNALS; signal++) call(SIGACTION, signal, (u64)fresh, 0, 8, 0);
  call(SIGPROCMASK, SIG_SETMASK, (u64)&none, 0, 8, 0);
}

static void limit(int resource, u64 soft) {
  u64 both[2];
  if (call(PRLIMIT64, 0, resource, 0, (u64)both, 0) != 0) return;
  both[0] = soft < both[1] ? soft : both[1];
  call(PRLIMIT64, 0, resource, (u64)both, 0, 0);
}

static int enter(const char *group) {
  long fd = call(OPEN_AT, AT_FDCWD, (u64)group, O_WRONLY, 0, 0);
  if (fd < 0) return 0;
  if (call(WRITE, fd, (u64)"0", 1, 0, 0) != 1) return 0;
  call(CLOSE, fd, 0, 0, 0, 0);
  return 1;
}

static int become(struct launch *job) {
  if (job->user < 0) return 1;
  if (call(SETGROUPS, job->account_group_count, (u64)job->account_groups, 0, 0, 0) != 0) return 0;
  if (call(SETRESGID, job->group, job->group, job->group, 0, 0) != 0) return 0;
  return call(SETRESUID, job->user, job->user, job->user, 0, 0) == 0;
}

/* The job's first process. It becomes the command, or records why it cannot. */
static int run_leader(void *argument) {
  struct launch *job = argument;
  const char *const *group;
  reset_signals();
  call(SETSID, 0, 0, 0, 0, 0);
  for (group = job->groups; *group; group++)
    if (!enter(*group)) return fail(job, STAGE_CONTROL_GROUP);
  if (job->mark != 0) limit(RLIMIT_LOCKS, job->mark);
  if (job->open_files >= 0) limit(RLIMIT_NOFILE, job->open_files);
  if (job->umask >= 0) call(UMASK, job->umask, 0, 0, 0, 0);
  call(DUP3, job->in, 0, 0, 0, 0);
  call(DUP3, job->out, 1, 0, 0, 0);
  call(DUP3, job->err, 2, 0, 0, 0);
  close_from(3, LAST_FD, job->highest_fd);
  if (!become(job)) return fail(job, STAGE_ACCOUNT);
  if (call(CHDIR, (u64)job->directory, 0, 0, 0, 0) != 0) return fail(job, STAGE_DIRECTORY);
  call(EXECVE, (u64)job->program, (u64)job->argv, (u64)job->envp, 0, 0);
  return fail(job, STAGE_EXEC);
}

/* Says who the leader is, or why the command does not run. */
static void tell(long leader, const struct launch *job) {
  long record[RECORD_LONGS];
  record[0] = job->number;
  record[1] = LAUNCHED;
  record[2] = leader;
  record[3] = job->stage;
  record[4] = job->error;
  record[5] = record[6] = record[7] = 0;
  call(WRITE, job->status, (u64)record, sizeof record, 0, 0);
}

/* Waits for everything below the keeper. Reports how the leader ended, at once, and that nothing is left. */
static void reap(long leader, long status, long number) {
  long record[RECORD_LONGS];
  record[0] = number;
  record[1] = 0;
  for (;;) {
    int info[32];
    long used[18];
    int options = record[1] == 0 ? WEXITED : WEXITED | WNOHANG;
    info[SI_PID] = 0;
    if (call(WAITID, P_ALL, 0, (u64)info, options, (u64)used) != 0) {
      if (*errno_location() == EINTR) continue;
      break;
    }
    if (info[SI_PID] == 0) {
      /* The leader has ended, and something that it started lives on. */
      call(WRITE, status, (u64)record, sizeof record, 0, 0);
      record[1] = 0;
    }
    if (info[SI_PID] != leader) continue;
    record[1] = ENDED;
    record[2] = leader;
    record[3] = info[SI_CODE];
    record[4] = info[SI_STATUS];
    record[5] = used[0] * 1000000 + used[1];
    record[6] = used[2] * 1000000 + used[3];
    record[7] = used[4];
  }
  record[1] |= GONE;
  call(WRITE, status, (u64)record, sizeof record, 0, 0);
}

static int keep(void *argument) {
  struct launch *job = argument;
  long status = job->status;
  long number = job->number;
  u64 highest = job->highest_fd;
  long leader;
  call(PRCTL, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  call(PRCTL, PR_SET_NAME, (u64)job->name, 0, 0, 0);
  leader = clone(run_leader, job->memory + 2 * STACK_BYTES, CLONE_VM | CLONE_VFORK | SIGCHLD, job);
  if (leader < 0) {
    job->error = *errno_location();
    job->stage = STAGE_CLONE;
  }
  tell(leader, job);
  /* From here on `job` is no longer valid: who reads the record frees it. */
  close_from(0, status - 1, highest);
  close_from(status + 1, LAST_FD, highest);
  call(SETSID, 0, 0, 0, 0, 0);
  reap(leader, status, number);
  leave(0);
  return 0;
}

/* Must be called first, with the addresses of `syscall`, `clone` and `__errno_location`. */
void link_kept(void *syscall_at, void *clone_at, void *errno_location_at) {
  syscall = syscall_at;
  clone = clone_at;
  errno_location = errno_location_at;
}

/* Memory for the stacks and the thread pointer of one keeper; can be used again once that keeper was reaped. */
char *keeper_memory(void) {
  long at = syscall(MMAP, 0L, (long)(2 * STACK_BYTES + 2 * ROOM_BYTES), 3L, 0x4022L, -1L, 0L);
  return at < 0 && at > -4096 ? 0 : (char *)at;
}

/*
 * Returns 0, or an error number if there is no keeper. `job` must stay valid until the keeper has written its first record,
 * or until the keeper and the leader are gone.
 */
int start_kept(struct launch *job) {
  u64 all = ~0UL, before = 0;
  u64 **thread = (u64 **)(job->memory + 2 * STACK_BYTES + ROOM_BYTES);
  long pid;
  int error = 0;
  *thread = (u64 *)thread;
  call(SIGPROCMASK, SIG_SETMASK, (u64)&all, (u64)&before, 8, 0);
  pid = clone(keep, job->memory + STACK_BYTES, CLONE_VM | CLONE_SETTLS | SIGCHLD, job, (void *)0, thread, (void *)0);
  if (pid < 0) error = *errno_location();
  call(SIGPROCMASK, SIG_SETMASK, (u64)&before, 0, 8, 0);
  if (pid < 0) return error;
  job->keeper = pid;
  return 0;
}
