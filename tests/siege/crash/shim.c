/* Faults of a disk, for one process: preloaded, it numbers every call that changes a file
 * under one directory and, at a chosen number, kills the process, tears the write in two,
 * lets the power fail (what was not synced is undone, all of it or by chance) or answers
 * as a full or broken disk does. What is below a call (the kernel, the disk) is not shown.
 *
 * Shared memory and lock files are left out: they hold nothing that outlives a process.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { OFF, COUNT, KILL, TORN, POWER, POWER_TORN, NOSPACE, FULL, BROKEN, DEAD, SHORT, UNREADABLE };
enum verdict { GO, FAIL, HALF };

static char root[PATH_MAX];
static size_t root_length;
static volatile int kind = OFF;
static volatile long target, number, fired;
static unsigned long chance;
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;

/* What was written and not yet synced, oldest first. */
struct change { dev_t dev; ino_t ino; int fd; off_t at; size_t length, had; char *old, *new; off_t size; int cut; };
static struct change *changes;
static size_t count, room;

static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_truncate)(int, off_t);

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
    real_pread = next("pread64");
    real_pwrite = next("pwrite64");
    real_truncate = next("ftruncate64");
}

void fault_arm(const char *place, int what, long at, unsigned long seed) {
    snprintf(root, sizeof root, "%s/", place);
    root_length = strlen(root);
    target = at, number = 0, fired = 0, chance = seed * 2654435761u + 12345u;
    kind = what;
}
void fault_disarm(void) { kind = OFF; }
long fault_number(void) { return number; }
long fault_fired(void) { return fired; }

static int ends(const char *path, const char *with) {
    size_t a = strlen(path), b = strlen(with);
    return a >= b && !strcmp(path + a - b, with);
}

static int watched_path(const char *path) {
    return kind != OFF && !strncmp(path, root, root_length) && !ends(path, "-shm") && !ends(path, ".lock");
}

static int path_of(int fd, char *path) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n < 0 ? 0 : n] = 0;
    return n > 0;
}

static int watched(int fd) {
    char path[PATH_MAX];
    return kind != OFF && path_of(fd, path) && watched_path(path);
}

static int watched_at(int dir, const char *path) {
    char whole[2 * PATH_MAX + 2], base[PATH_MAX];
    if (kind == OFF) return 0;
    if (path[0] == '/' || dir == AT_FDCWD) return watched_path(path);
    if (!path_of(dir, base)) return 0;
    snprintf(whole, sizeof whole, "%s/%s", base, path);
    return watched_path(whole);
}

static unsigned long drawn(void) {
    chance = chance * 6364136223846793005ul + 1442695040888963407ul;
    return chance >> 33;
}

static void power_fails(void) {
    for (size_t i = count; i-- > 0;) {
        struct change *c = &changes[i];
        if (c->had) real_pwrite(c->fd, c->old, c->had, c->at);
        real_truncate(c->fd, c->size);
    }
    if (kind != POWER_TORN) return;
    for (size_t i = 0; i < count; i++) {  /* by chance some reached the disk, whole or by half */
        struct change *c = &changes[i];
        unsigned long lot = drawn() % 3;
        if (lot == 0) continue;
        if (c->cut) real_truncate(c->fd, c->at);
        else real_pwrite(c->fd, c->new, lot == 1 ? c->length : c->length / 2, c->at);
    }
}

static enum verdict boundary(int writes) {
    long n = __atomic_add_fetch(&number, 1, __ATOMIC_SEQ_CST);
    if (kind == COUNT) return GO;
    int again = (kind == FULL || kind == DEAD) && n > target;
    if (n != target && !again) return GO;
    fired++;
    switch (kind) {
    case TORN:
    case SHORT:
        if (writes) return HALF;
        if (kind == SHORT) return GO;
        break;
    case NOSPACE:
    case FULL: errno = ENOSPC; return writes ? FAIL : GO;
    case BROKEN:
    case DEAD:
    case UNREADABLE: errno = EIO; return FAIL;
    case POWER:
    case POWER_TORN:
        pthread_mutex_lock(&door);
        power_fails();
        break;
    default: break;
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int counts(void) { return kind != OFF && kind != UNREADABLE; }

static struct change *noted(int fd, off_t at, size_t length, int cut) {
    struct stat s;
    if (kind != POWER && kind != POWER_TORN) return NULL;
    if (fstat(fd, &s)) return NULL;
    pthread_mutex_lock(&door);
    if (count == room) changes = realloc(changes, (room = room ? 2 * room : 64) * sizeof *changes);
    struct change *c = &changes[count++];
    memset(c, 0, sizeof *c);
    c->dev = s.st_dev, c->ino = s.st_ino, c->at = at, c->size = s.st_size, c->cut = cut;
    c->fd = -1;
    for (size_t i = 0; i + 1 < count; i++)
        if (changes[i].dev == c->dev && changes[i].ino == c->ino) c->fd = changes[i].fd;
    /* Never closed: closing any descriptor of a store would drop SQLite's locks. */
    if (c->fd < 0) {
        char link[40];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        int (*real_open)(const char *, int, ...) = next("open64");
        c->fd = real_open(link, O_RDWR | O_CLOEXEC);
    }
    off_t upto = cut ? s.st_size : at + (off_t)length;
    if (upto > s.st_size) upto = s.st_size;
    if (upto > at) {
        c->old = malloc(upto - at);
        ssize_t n = real_pread(c->fd, c->old, upto - at, at);
        c->had = n > 0 ? n : 0;
    }
    c->length = length;
    return c;
}

static void synced(int fd) {
    struct stat s;
    if ((kind != POWER && kind != POWER_TORN) || fstat(fd, &s)) return;
    pthread_mutex_lock(&door);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct change *c = &changes[i];
        if (c->dev == s.st_dev && c->ino == s.st_ino) free(c->old), free(c->new);
        else changes[kept++] = *c;
    }
    count = kept;
    pthread_mutex_unlock(&door);
}

static void note(int fd, const void *data, off_t at, size_t length) {
    struct change *c = noted(fd, at, length, 0);
    if (!c) return;
    c->new = malloc(length);
    memcpy(c->new, data, length);
    pthread_mutex_unlock(&door);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define WRITE(name, offset_type)                                                              \
    ssize_t name(int fd, const void *data, size_t length, offset_type at) {                   \
        ssize_t (*real)(int, const void *, size_t, offset_type) = next(#name);                \
        if (!counts() || !watched(fd)) return real(fd, data, length, at);                     \
        enum verdict v = boundary(1);                                                         \
        if (v == FAIL) return -1;                                                             \
        if (v == HALF && kind == TORN) { real(fd, data, length / 2, at); die(); }             \
        if (v == HALF) return real(fd, data, length > 1 ? length / 2 : length, at);           \
        note(fd, data, at, length);                                                           \
        return real(fd, data, length, at);                                                    \
    }
WRITE(pwrite, off_t)
WRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t length) {
    ssize_t (*real)(int, const void *, size_t) = next("write");
    if (!counts() || !watched(fd)) return real(fd, data, length);
    enum verdict v = boundary(1);
    if (v == FAIL) return -1;
    if (v == HALF && kind == TORN) { real(fd, data, length / 2); die(); }
    if (v == HALF) return real(fd, data, length > 1 ? length / 2 : length);
    note(fd, data, lseek(fd, 0, SEEK_CUR), length);
    return real(fd, data, length);
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t length) {
    ssize_t (*real)(int, int, off64_t *, size_t) = next("sendfile64");
    if (!counts() || !watched(out)) return real(out, in, at, length);
    enum verdict v = boundary(1);
    if (v == FAIL) return -1;
    if (v == HALF && kind == TORN) { real(out, in, at, length / 2); die(); }
    return real(out, in, at, v == HALF && length > 1 ? length / 2 : length);
}

#define TRUNCATE(name, size_type)                                                             \
    int name(int fd, size_type size) {                                                        \
        int (*real)(int, size_type) = next(#name);                                            \
        if (!counts() || !watched(fd)) return real(fd, size);                                 \
        if (boundary(0) == FAIL) return -1;                                                   \
        if (noted(fd, size, 0, 1)) pthread_mutex_unlock(&door);                               \
        return real(fd, size);                                                                \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

/* What a killed process wrote the kernel keeps: under watch nothing is really synced. */
#define SYNC(name)                                                                            \
    int name(int fd) {                                                                        \
        int (*real)(int) = next(#name);                                                       \
        if (!counts() || !watched(fd)) return real(fd);                                       \
        if (boundary(0) == FAIL) return -1;                                                   \
        synced(fd);                                                                           \
        return 0;                                                                             \
    }
SYNC(fsync)
SYNC(fdatasync)

#define OPEN(name)                                                                            \
    int name(const char *path, int flags, ...) {                                              \
        int (*real)(const char *, int, ...) = next(#name);                                    \
        mode_t mode = 0;                                                                      \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                  \
            va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest);   \
        }                                                                                     \
        if (counts() && watched_path(path)                                                    \
            && ((flags & O_TRUNC) || ((flags & O_CREAT) && access(path, F_OK)))) {            \
            enum verdict v = boundary(1);                                                     \
            if (v == FAIL) return -1;                                                         \
            if (v == HALF && kind == TORN) die();                                             \
        }                                                                                     \
        return real(path, flags, mode);                                                       \
    }
OPEN(open)
OPEN(open64)

#define ONE(name, watch, type, call, ...)                                                     \
    int name(__VA_ARGS__) {                                                                   \
        int (*real)(__VA_ARGS__) = next(#name);                                               \
        if (counts() && (watch) && boundary(0) == FAIL) return -1;                            \
        return real call;                                                                     \
    }
ONE(unlink, watched_path(a), , (a), const char *a)
ONE(rmdir, watched_path(a), , (a), const char *a)
ONE(mkdir, watched_path(a), , (a, m), const char *a, mode_t m)
ONE(rename, watched_path(b), , (a, b), const char *a, const char *b)
ONE(link, watched_path(b), , (a, b), const char *a, const char *b)
ONE(unlinkat, watched_at(d, a), , (d, a, f), int d, const char *a, int f)
ONE(renameat, watched_at(e, b), , (d, a, e, b), int d, const char *a, int e, const char *b)

#define READ(name, offset_type)                                                               \
    ssize_t name(int fd, void *data, size_t length, offset_type at) {                         \
        ssize_t (*real)(int, void *, size_t, offset_type) = next(#name);                      \
        if (kind == UNREADABLE && watched(fd) && boundary(0) == FAIL) return -1;              \
        return real(fd, data, length, at);                                                    \
    }
READ(pread, off_t)
READ(pread64, off64_t)
