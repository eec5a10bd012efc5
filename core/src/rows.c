/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <limbeck/rng.h>
#include "arena.h"
#include "file.h"
#include "rows.h"

enum { NOWHERE = -2, MEMORY = -1 }; /* place.shard */

/* Open addressing; a place is used from the first row under its key on. */
struct place {
    struct row_key key;
    int64_t row;
    int32_t shard;
    bool used;
};
struct rows {
    lbk_ctx *ctx;
    struct rows_params p;
    char set[32];
    struct place *place;
    int64_t n_place, n; /* a power of two; those used */
    struct shard *shard;
    int64_t n_shard, cap_shard;
    /* rows in memory, in blocks of `each` */
    unsigned char **block;
    int64_t each, n_block, cap_block, held;
    struct row_key *key;
    int64_t cap_key;
    uint64_t files;      /* written */
    bool broken, warned; /* writing failed; of a damaged row */
};

/* ---- the map ---- */

static struct place *find(const struct rows *r, struct row_key k)
{
    const uint64_t mask = (uint64_t) r->n_place - 1;
    uint64_t i = lbk_mix(k.sample, k.view) & mask;
    while (r->place[i].used &&
           (r->place[i].key.sample != k.sample || r->place[i].key.view != k.view))
        i = (i + 1) & mask;
    return &r->place[i];
}

static bool spread(struct rows *r)
{
    struct rows old = *r;
    r->n_place = old.n_place ? 2 * old.n_place : 1024;
    r->place = calloc((size_t) r->n_place, sizeof *r->place);
    if (!r->place) {
        r->place = old.place, r->n_place = old.n_place;
        return false;
    }
    for (int64_t i = 0; i < old.n_place; i++)
        if (old.place[i].used)
            *find(r, old.place[i].key) = old.place[i];
    free(old.place);
    return true;
}

static bool add(struct rows *r, struct row_key k, int32_t shard, int64_t row)
{
    if (4 * (r->n + 1) > 3 * r->n_place && !spread(r))
        return false;
    struct place *p = find(r, k);
    if (p->used && p->shard != NOWHERE)
        return true;
    r->n += !p->used;
    *p = (struct place){ k, row, shard, true };
    return true;
}

/* ---- files ---- */

static bool ends(const char *name, const char *with)
{
    const size_t n = strlen(name), m = strlen(with);
    return n > m && !strcmp(name + n - m, with);
}

static lbk_status add_file(struct rows *r, const char *path)
{
    struct shard s;
    const char *wrong = lbk__shard_open(path, r->set, r->p.row, &s);
    if (wrong) {
        lbk_ctx_log(r->ctx, LBK_LOG_WARN, "%s: not used: %s", path, wrong);
        return LBK_OK;
    }
    if (s.lost)
        lbk_ctx_log(r->ctx, LBK_LOG_WARN, "%s: cut off: %lld of %lld rows are left", path,
                    (long long) s.n, (long long) (s.n + s.lost));
    bool ok = lbk__grow(&r->shard, r->n_shard, &r->cap_shard, sizeof s);
    if (ok)
        r->shard[r->n_shard++] = s;
    else
        lbk__shard_close(&s);
    for (int64_t i = 0; ok && i < s.n; i++)
        ok = add(r, s.at[i].key, (int32_t) (r->n_shard - 1), i);
    return ok ? LBK_OK : LBK_ENOMEM;
}

/* What a run that was killed has left in the middle of writing. */
static void remove_stray(const char *path)
{
    struct stat s;
    if (!stat(path, &s) && S_ISREG(s.st_mode) && time(NULL) - s.st_mtime > 3600)
        unlink(path);
}

static lbk_status add_files(struct rows *r)
{
    char path[4096];
    lbk_status st = LBK_OK;
    DIR *d = opendir(r->p.folder);
    for (struct dirent *e; d && !st && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", r->p.folder, e->d_name);
        if (ends(e->d_name, ".rows"))
            st = add_file(r, path);
        else if (ends(e->d_name, ".tmp"))
            remove_stray(path);
    }
    if (d)
        closedir(d);
    return st;
}

static size_t used_below(const char *folder, int levels)
{
    char path[4096];
    size_t sum = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat s;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (*e->d_name == '.' || lstat(path, &s))
            continue;
        sum += S_ISREG(s.st_mode) ? (size_t) s.st_size : 0;
        sum += S_ISDIR(s.st_mode) && levels ? used_below(path, levels - 1) : 0;
    }
    if (d)
        closedir(d);
    return sum;
}

size_t lbk__rows_used(const char *folder) { return used_below(folder, 1); }

/* ---- opening and closing ---- */

static bool set_bytes(const char *hex, char out[32])
{
    for (int i = 0; i < 32; i++) {
        unsigned v;
        if (sscanf(hex + 2 * i, "%2x", &v) != 1)
            return false;
        out[i] = (char) v;
    }
    return true;
}

lbk_status lbk__rows_open(lbk_ctx *ctx, const struct rows_params *p, struct rows **out)
{
    struct rows *r = calloc(1, sizeof *r);
    *out = r;
    lbk_status st = r ? LBK_OK : LBK_ENOMEM;
    if (r) {
        r->ctx = ctx, r->p = *p;
        r->p.folder = p->folder ? strdup(p->folder) : NULL;
        r->p.file = p->file ? p->file : (size_t) 64 << 20;
        r->each = p->row && p->row < 1 << 20 ? (1 << 20) / (int64_t) p->row : 1;
        if (!p->row || !set_bytes(p->set, r->set))
            st = LBK_EINVAL;
        else if (!spread(r) || (p->folder && !r->p.folder))
            st = LBK_ENOMEM;
    }
    if (!st && r->p.folder)
        st = add_files(r);
    if (!st)
        return LBK_OK;
    lbk__rows_close(out);
    return lbk_fail(ctx, st, st == LBK_ENOMEM ? "kept rows: out of memory" : "kept rows: no key");
}

static void drop_memory(struct rows *r)
{
    for (int64_t i = 0; i < r->n_block; i++)
        free(r->block[i]);
    r->n_block = r->held = 0;
}

void lbk__rows_close(struct rows **rp)
{
    struct rows *r = *rp;
    if (!r)
        return;
    lbk__rows_flush(r);
    drop_memory(r);
    for (int64_t i = 0; i < r->n_shard; i++)
        lbk__shard_close(&r->shard[i]);
    free(r->shard);
    free(r->block);
    free(r->key);
    free(r->place);
    free((void *) (uintptr_t) r->p.folder);
    free(r);
    *rp = NULL;
}

/* ---- rows ---- */

static unsigned char *memory_row(const struct rows *r, int64_t i)
{
    return r->block[i / r->each] + (size_t) (i % r->each) * r->p.row;
}

bool lbk__rows_get(struct rows *r, struct row_key key, void *to)
{
    struct place *p = find(r, key);
    const int32_t shard = p->shard;
    if (!p->used || shard == NOWHERE)
        return false;
    if (shard == MEMORY) {
        memcpy(to, memory_row(r, p->row), r->p.row);
        return true;
    }
    if (lbk__shard_read(&r->shard[shard], p->row, to))
        return true;
    p->shard = NOWHERE;
    if (!r->warned)
        lbk_ctx_log(r->ctx, LBK_LOG_WARN,
                    "%s: a file is gone, or row %lld of it damaged: what is lost is made anew",
                    r->shard[shard].path, (long long) p->row);
    r->warned = true;
    return false;
}

static bool within(const struct rows *r, size_t cost)
{
    struct rows_budget *b = r->p.budget;
    if (b->used <= b->most && b->most - b->used >= cost)
        return true;
    if (b->most && !b->told) /* none is meant so: not worth a line */
        lbk_ctx_log(r->ctx, r->p.folder ? LBK_LOG_WARN : LBK_LOG_INFO,
                    "teacher_cache: its %zu bytes are used up; no more is kept%s%s", b->most,
                    r->p.folder ? ": make room in the folder above " : "",
                    r->p.folder ? r->p.folder : "");
    b->told = true;
    return false;
}

static bool room(struct rows *r)
{
    if (r->broken || !within(r, r->p.row + sizeof(struct shard_entry)))
        return false;
    if (r->held == r->n_block * r->each) {
        if (!lbk__grow(&r->block, r->n_block, &r->cap_block, sizeof *r->block) ||
            !(r->block[r->n_block] = malloc((size_t) r->each * r->p.row)))
            return false;
        r->n_block++;
    }
    return lbk__grow(&r->key, r->held, &r->cap_key, sizeof *r->key);
}

void lbk__rows_put(struct rows *r, struct row_key key, const void *row)
{
    const struct place *p = find(r, key);
    if ((p->used && p->shard != NOWHERE) || !room(r) || !add(r, key, MEMORY, r->held))
        return;
    memcpy(memory_row(r, r->held), row, r->p.row);
    r->key[r->held++] = key;
    r->p.budget->used += r->p.row + sizeof(struct shard_entry);
    if (r->p.folder && (size_t) r->held * r->p.row >= r->p.file)
        lbk__rows_flush(r);
}

/* ---- writing ---- */

static const void *row_at(const void *ud, int64_t i) { return memory_row(ud, i); }

/* Another name than any other run's. */
static void name_file(struct rows *r, char path[4096])
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    const uint64_t key =
        lbk_mix(lbk_mix(lbk_mix((uint64_t) t.tv_sec, (uint64_t) t.tv_nsec), (uint64_t) getpid()),
                (uint64_t) (uintptr_t) r + r->files++);
    snprintf(path, 4096, "%s/%016llx.rows", r->p.folder, (unsigned long long) key);
}

/* From then on they are read from the file. */
static void move_to(struct rows *r, const char *path)
{
    struct shard s;
    const char *wrong = lbk__shard_open(path, r->set, r->p.row, &s);
    const bool ok = !wrong && lbk__grow(&r->shard, r->n_shard, &r->cap_shard, sizeof s);
    if (ok)
        r->shard[r->n_shard++] = s;
    else if (!wrong)
        lbk__shard_close(&s);
    for (int64_t i = 0; i < r->held; i++) {
        struct place *p = find(r, r->key[i]);
        p->shard = ok ? (int32_t) (r->n_shard - 1) : NOWHERE, p->row = i;
    }
}

void lbk__rows_flush(struct rows *r)
{
    char path[4096];
    size_t bytes;
    if (!r->p.folder || !r->held)
        return;
    const int err = lbk__mkdirs_quiet(r->p.folder);
    name_file(r, path);
    const int wrong =
        err ? err : lbk__shard_write(path, r->set, r->p.row, r->held, r->key, row_at, r, &bytes);
    if (wrong) {
        r->broken = true;
        lbk_ctx_log(r->ctx, LBK_LOG_WARN, "%s: cannot write: %s; nothing more is kept", path,
                    strerror(wrong));
        for (int64_t i = 0; i < r->held; i++)
            find(r, r->key[i])->shard = NOWHERE;
    } else {
        move_to(r, path);
    }
    drop_memory(r);
}
