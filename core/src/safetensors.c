/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <limbeck/ctx.h>
#include "file.h"
#include "safetensors.h"

enum { MAX_HEADER = 16 << 20, MAX_META = 1 << 20 };

static const struct st_dtype dtypes[] = {
    { "BOOL", 8 },    { "U8", 8 },          { "I8", 8 },          { "U16", 16 },
    { "I16", 16 },    { "U32", 32 },        { "I32", 32 },        { "U64", 64 },
    { "I64", 64 },    { "F16", 16 },        { "BF16", 16 },       { "F32", 32 },
    { "F64", 64 },    { "C64", 64 },        { "F8_E4M3", 8 },     { "F8_E5M2", 8 },
    { "F8_E8M0", 8 }, { "F8_E4M3FNUZ", 8 }, { "F8_E5M2FNUZ", 8 }, { "F4", 4 },
    { "F6_E2M3", 6 }, { "F6_E3M2", 6 },
};

const struct st_dtype *lbk__st_dtype(const char *name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (!strcmp(name, dtypes[i].name))
            return &dtypes[i];
    return NULL;
}

/* A name from a file, fit for a line of a log. */
struct shown {
    char text[80];
};
static struct shown show(const char *name)
{
    struct shown s;
    snprintf(s.text, sizeof s.text, "%s", name);
    for (char *c = s.text; *c; c++)
        if ((unsigned char) *c < 32 || *c == 127)
            *c = '?';
    return s;
}
#define SHOW(name) show(name).text

static lbk_status no_memory(const struct st_file *f)
{
    return lbk_fail(f->ctx, LBK_ENOMEM, "%s: out of memory", f->path);
}

static lbk_status read_at(const struct st_file *f, uint64_t at, void *dst, uint64_t bytes)
{
    for (uint64_t done = 0; done < bytes;) {
        const size_t part = bytes - done > 1u << 30 ? 1u << 30 : (size_t) (bytes - done);
        const ssize_t n = pread(f->fd, (char *) dst + done, part, (off_t) (at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return lbk_fail(f->ctx, LBK_EIO, "%s: %s", f->path, strerror(errno));
        if (n == 0)
            return lbk_fail(f->ctx, LBK_EFORMAT, "%s: ends at byte %llu, expected %llu", f->path,
                            (unsigned long long) (at + done), (unsigned long long) (at + bytes));
        done += (uint64_t) n;
    }
    return LBK_OK;
}

static bool unsigned_of(const json_t *v, uint64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *out = (uint64_t) json_integer_value(v);
    return true;
}

static lbk_status read_shape(const struct st_file *f, const json_t *shape, struct st_tensor *t)
{
    if (!json_is_array(shape) || json_array_size(shape) > ST_MAX_RANK)
        return lbk_fail(f->ctx, LBK_EFORMAT,
                        "%s: tensor '%s': shape: expected an array of at most %d numbers", f->path,
                        SHOW(t->name), ST_MAX_RANK);
    t->rank = (int) json_array_size(shape);
    for (int i = 0; i < t->rank; i++)
        if (!unsigned_of(json_array_get(shape, (size_t) i), &t->dim[i]))
            return lbk_fail(
                f->ctx, LBK_EFORMAT,
                "%s: tensor '%s': extent %d of the shape: expected an integer, 0 or more", f->path,
                SHOW(t->name), i);
    return LBK_OK;
}

/* False when the number of bytes does not fit 64 bits or is not whole. */
static bool bytes_of(const struct st_tensor *t, uint64_t *out)
{
    uint64_t n = (uint64_t) t->dtype->bits;
    for (int i = 0; i < t->rank; i++) {
        if (t->dim[i] && n > UINT64_MAX / t->dim[i])
            return false;
        n *= t->dim[i];
    }
    *out = n / 8;
    return n % 8 == 0;
}

static lbk_status check_size(const struct st_file *f, const struct st_tensor *t)
{
    uint64_t want;
    if (!bytes_of(t, &want))
        return lbk_fail(f->ctx, LBK_EFORMAT,
                        "%s: tensor '%s': its shape is no whole number of bytes below 2^61",
                        f->path, SHOW(t->name));
    if (t->end < t->begin || t->end - t->begin != want)
        return lbk_fail(
            f->ctx, LBK_EFORMAT,
            "%s: tensor '%s': expected %llu bytes for its shape, found offsets %llu to %llu",
            f->path, SHOW(t->name), (unsigned long long) want, (unsigned long long) t->begin,
            (unsigned long long) t->end);
    return LBK_OK;
}

static lbk_status read_entry(struct st_file *f, const char *name, const json_t *entry)
{
    struct st_tensor *t = &f->at[f->n];
    const json_t *dtype = json_object_get(entry, "dtype"),
                 *offsets = json_object_get(entry, "data_offsets");
    t->name = lbk__arena_str(&f->arena, "%s", name);
    if (!t->name)
        return no_memory(f);
    if (strlen(name) > ST_MAX_NAME)
        return lbk_fail(f->ctx, LBK_EFORMAT,
                        "%s: tensor '%s...': name of %zu bytes, expected at most %d", f->path,
                        SHOW(name), strlen(name), ST_MAX_NAME);
    if (json_object_size(entry) != 3 || !json_is_string(dtype) || !offsets ||
        !json_object_get(entry, "shape"))
        return lbk_fail(f->ctx, LBK_EFORMAT,
                        "%s: tensor '%s': expected dtype, shape and data_offsets, and nothing else",
                        f->path, SHOW(name));
    t->dtype = lbk__st_dtype(json_string_value(dtype));
    if (!t->dtype)
        return lbk_fail(f->ctx, LBK_EFORMAT, "%s: tensor '%s': unknown dtype '%s'", f->path,
                        SHOW(name), SHOW(json_string_value(dtype)));
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !unsigned_of(json_array_get(offsets, 0), &t->begin) ||
        !unsigned_of(json_array_get(offsets, 1), &t->end))
        return lbk_fail(f->ctx, LBK_EFORMAT,
                        "%s: tensor '%s': data_offsets: expected two integers, 0 or more", f->path,
                        SHOW(name));
    lbk_status st = read_shape(f, json_object_get(entry, "shape"), t);
    if (!st)
        st = check_size(f, t);
    f->n += !st;
    return st;
}

static lbk_status read_meta(struct st_file *f, json_t *meta)
{
    const char *key;
    json_t *value;
    size_t bytes = 0;
    if (!json_is_object(meta))
        return lbk_fail(f->ctx, LBK_EFORMAT, "%s: __metadata__: expected an object of strings",
                        f->path);
    f->meta = lbk__arena_get(&f->arena, (json_object_size(meta) + 1) * sizeof *f->meta);
    if (!f->meta)
        return no_memory(f);
    json_object_foreach(meta, key, value)
    {
        if (!json_is_string(value))
            return lbk_fail(f->ctx, LBK_EFORMAT, "%s: __metadata__ '%s': expected a string",
                            f->path, SHOW(key));
        bytes += strlen(key) + json_string_length(value);
        if (bytes > MAX_META)
            return lbk_fail(f->ctx, LBK_EFORMAT, "%s: __metadata__: more than %d bytes", f->path,
                            MAX_META);
        f->meta[f->n_meta].key = lbk__arena_str(&f->arena, "%s", key);
        f->meta[f->n_meta].value = lbk__arena_str(&f->arena, "%s", json_string_value(value));
        if (!f->meta[f->n_meta].key || !f->meta[f->n_meta].value)
            return no_memory(f);
        f->n_meta++;
    }
    return LBK_OK;
}

static lbk_status read_entries(struct st_file *f, json_t *root)
{
    const char *name;
    json_t *entry;
    if (!json_is_object(root))
        return lbk_fail(f->ctx, LBK_EFORMAT, "%s: header: expected a JSON object", f->path);
    const size_t n = json_object_size(root);
    if (n > ST_MAX_TENSORS + 1)
        return lbk_fail(f->ctx, LBK_EFORMAT, "%s: %zu tensors, expected at most %d", f->path, n,
                        ST_MAX_TENSORS);
    f->at = lbk__arena_get(&f->arena, (n + 1) * sizeof *f->at);
    if (!f->at)
        return no_memory(f);
    json_object_foreach(root, name, entry)
    {
        const lbk_status st =
            strcmp(name, "__metadata__") ? read_entry(f, name, entry) : read_meta(f, entry);
        if (st)
            return st;
    }
    return LBK_OK;
}

static int by_begin(const void *pa, const void *pb)
{
    const struct st_tensor *a = pa, *b = pb;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    return a->end < b->end ? -1 : a->end > b->end ? 1 : strcmp(a->name, b->name);
}

/* No hole, no overlap, and the last byte of the last tensor is the last of the file. */
static lbk_status check_cover(struct st_file *f, uint64_t data_bytes)
{
    uint64_t end = 0;
    qsort(f->at, (size_t) f->n, sizeof *f->at, by_begin);
    for (int64_t i = 0; i < f->n; i++) {
        if (f->at[i].begin != end)
            return lbk_fail(f->ctx, LBK_EFORMAT,
                            "%s: tensor '%s': expected to begin at %llu, found %llu", f->path,
                            SHOW(f->at[i].name), (unsigned long long) end,
                            (unsigned long long) f->at[i].begin);
        end = f->at[i].end;
    }
    if (end != data_bytes)
        return lbk_fail(f->ctx, LBK_EFORMAT, "%s: expected %llu bytes of tensors, found %llu",
                        f->path, (unsigned long long) end, (unsigned long long) data_bytes);
    return LBK_OK;
}

static lbk_status read_header(struct st_file *f, uint64_t file_bytes)
{
    unsigned char head[8];
    uint64_t n = 0;
    if (file_bytes < 8)
        return lbk_fail(f->ctx, LBK_EFORMAT, "%s: expected a safetensors file, found %llu bytes",
                        f->path, (unsigned long long) file_bytes);
    lbk_status st = read_at(f, 0, head, 8);
    for (int i = 0; i < 8; i++)
        n |= (uint64_t) head[i] << 8 * i;
    if (!st && (n > MAX_HEADER || n > file_bytes - 8))
        st = lbk_fail(
            f->ctx, LBK_EFORMAT, "%s: header of %llu bytes, expected at most %llu", f->path,
            (unsigned long long) n,
            (unsigned long long) (file_bytes - 8 < MAX_HEADER ? file_bytes - 8 : MAX_HEADER));
    if (st)
        return st;
    char *text = malloc((size_t) n + 1);
    if (!text)
        return no_memory(f);
    st = read_at(f, 8, text, n);
    if (!st) {
        json_error_t e;
        json_t *root = json_loadb(text, (size_t) n, JSON_REJECT_DUPLICATES, &e);
        st = root ? read_entries(f, root)
                  : lbk_fail(f->ctx, LBK_EFORMAT, "%s: header: %s, at byte %d", f->path,
                             SHOW(e.text), 8 + e.position);
        json_decref(root);
    }
    free(text);
    f->data_at = 8 + n;
    return st ? st : check_cover(f, file_bytes - f->data_at);
}

lbk_status lbk__st_open(lbk_ctx *ctx, const char *path, struct st_file *out)
{
    struct stat s;
    *out = (struct st_file){ .ctx = ctx, .path = path };
    /* Not blocking: a named pipe is refused below, not waited for. */
    out->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (out->fd < 0)
        return lbk_fail(ctx, errno == ENOENT ? LBK_ENOENT : LBK_EIO, "%s: %s", path,
                        strerror(errno));
    out->path = lbk__arena_str(&out->arena, "%s", path);
    lbk_status st = LBK_OK;
    if (!out->path)
        st = lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
    else if (fstat(out->fd, &s))
        st = lbk_fail(ctx, LBK_EIO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(s.st_mode))
        st = lbk_fail(ctx, LBK_EFORMAT, "%s: expected a regular file", path);
    else
        st = read_header(out, (uint64_t) s.st_size);
    if (st)
        lbk__st_close(out);
    return st;
}

void lbk__st_close(struct st_file *f)
{
    if (f->path && f->fd >= 0)
        close(f->fd);
    lbk__arena_finish(&f->arena);
    *f = (struct st_file){ .fd = -1 };
}

const struct st_tensor *lbk__st_find(const struct st_file *f, const char *name)
{
    for (int64_t i = 0; i < f->n; i++)
        if (!strcmp(f->at[i].name, name))
            return &f->at[i];
    return NULL;
}

/* Little-endian elements to this machine's order, or back. */
static void order_bytes(void *p, uint64_t bytes, int width)
{
    const uint16_t one = 1;
    if (*(const unsigned char *) &one || width < 2)
        return;
    unsigned char *b = p;
    for (uint64_t i = 0; i < bytes; i += (uint64_t) width)
        for (int j = 0; j < width / 2; j++) {
            const unsigned char t = b[i + (uint64_t) j];
            b[i + (uint64_t) j] = b[i + (uint64_t) (width - 1 - j)];
            b[i + (uint64_t) (width - 1 - j)] = t;
        }
}

lbk_status lbk__st_read(const struct st_file *f, const struct st_tensor *t, void *dst)
{
    const lbk_status st = read_at(f, f->data_at + t->begin, dst, t->end - t->begin);
    if (!st)
        order_bytes(dst, t->end - t->begin, strcmp(t->dtype->name, "C64") ? t->dtype->bits / 8 : 4);
    return st;
}

/* ---- writing ---- */

static const struct st_dtype *dtype_of(const struct st_item *it)
{
    static const char *const names[] = {
        [LBK_F32] = "F32", [LBK_F16] = "F16", [LBK_I32] = "I32", [LBK_U8] = "U8"
    };
    return lbk__st_dtype(it->stored ? it->stored : names[it->dtype]);
}

static uint64_t item_bytes(const struct st_item *it)
{
    return (uint64_t) lbk_shape_count(it->shape) * (uint64_t) dtype_of(it)->bits / 8;
}

/* Wide elements first, so that every tensor is aligned to its own. */
static int by_width_and_name(const void *pa, const void *pb)
{
    const struct st_item *a = *(const struct st_item *const *) pa,
                         *b = *(const struct st_item *const *) pb;
    const int d = dtype_of(b)->bits - dtype_of(a)->bits;
    return d ? d : strcmp(a->name, b->name);
}

static json_t *entry_of(const struct st_item *it, uint64_t begin)
{
    json_t *shape = json_array();
    for (int i = 0; i < it->shape.n; i++)
        json_array_append_new(shape, json_integer(it->shape.d[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_of(it)->name, "shape", shape,
                     "data_offsets", (json_int_t) begin, (json_int_t) (begin + item_bytes(it)));
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct st_meta *) a)->key, ((const struct st_meta *) b)->key);
}

static lbk_status add_meta(lbk_ctx *ctx, const char *path, json_t *root, int64_t n,
                           const struct st_meta *meta)
{
    struct st_meta *sorted = malloc(((size_t) n + 1) * sizeof *sorted);
    json_t *o = json_object();
    lbk_status st = sorted && o ? LBK_OK : lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
    size_t bytes = 0;
    if (!st) {
        memcpy(sorted, meta, (size_t) n * sizeof *sorted);
        qsort(sorted, (size_t) n, sizeof *sorted, by_key);
    }
    for (int64_t i = 0; !st && i < n; i++) {
        bytes += strlen(sorted[i].key) + strlen(sorted[i].value);
        if (json_object_get(o, sorted[i].key) ||
            json_object_set_new(o, sorted[i].key, json_string(sorted[i].value)))
            st = lbk_fail(ctx, LBK_EINVAL, "%s: metadata '%s': expected UTF-8 and each key once",
                          path, SHOW(sorted[i].key));
        else if (bytes > MAX_META)
            st = lbk_fail(ctx, LBK_EINVAL, "%s: metadata: more than %d bytes", path, MAX_META);
    }
    free(sorted);
    if (!st && json_object_set(root, "__metadata__", o))
        st = lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
    json_decref(o);
    return st;
}

static lbk_status add_items(lbk_ctx *ctx, const char *path, json_t *root, int64_t n,
                            const struct st_item *const *items)
{
    uint64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        if (strlen(items[i]->name) > ST_MAX_NAME || json_object_get(root, items[i]->name) ||
            json_object_set_new(root, items[i]->name, entry_of(items[i], at)))
            return lbk_fail(
                ctx, LBK_EINVAL,
                "%s: tensor '%s': expected a name in UTF-8 of at most %d bytes, used once", path,
                SHOW(items[i]->name), ST_MAX_NAME);
        at += item_bytes(items[i]);
    }
    return LBK_OK;
}

/* The header's text, padded with blanks to a multiple of 8 bytes; freed by the caller. */
static char *header_text(json_t *root, size_t *bytes)
{
    char *text = json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER);
    if (!text)
        return NULL;
    const size_t n = strlen(text), padded = (n + 7) / 8 * 8;
    char *out = realloc(text, padded + 1);
    if (!out) {
        free(text);
        return NULL;
    }
    memset(out + n, ' ', padded - n);
    *bytes = padded;
    return out;
}

static lbk_status put_item(struct out_file *o, const struct st_item *it)
{
    const size_t bytes = (size_t) item_bytes(it);
    void *copy = malloc(bytes + 1);
    if (!copy)
        return lbk_fail(o->ctx, LBK_ENOMEM, "%s: out of memory", o->path);
    lbk_status st = LBK_OK;
    if (it->tensor)
        st = lbk_tensor_read(it->tensor, copy, bytes);
    else if (bytes)
        memcpy(copy, it->data, bytes);
    if (!st) {
        order_bytes(copy, bytes, dtype_of(it)->bits / 8);
        lbk__out_add(o, copy, bytes);
    }
    free(copy);
    return st;
}

static lbk_status put_all(lbk_ctx *ctx, const char *path, const char *header, size_t header_bytes,
                          int64_t n, const struct st_item *const *items)
{
    unsigned char head[8];
    struct out_file o;
    lbk_status st = lbk__out_begin(ctx, path, &o);
    if (st)
        return st;
    for (int i = 0; i < 8; i++)
        head[i] = (unsigned char) ((uint64_t) header_bytes >> 8 * i);
    lbk__out_add(&o, head, sizeof head);
    lbk__out_add(&o, header, header_bytes);
    for (int64_t i = 0; !st && i < n; i++)
        st = put_item(&o, items[i]);
    const lbk_status ended = lbk__out_end(&o, !st);
    return st ? st : ended;
}

static lbk_status save_sorted(lbk_ctx *ctx, const char *path, int64_t n,
                              const struct st_item *const *items, int64_t n_meta,
                              const struct st_meta *meta)
{
    size_t bytes = 0;
    json_t *root = json_object();
    lbk_status st = n_meta ? add_meta(ctx, path, root, n_meta, meta) : LBK_OK;
    if (!st)
        st = add_items(ctx, path, root, n, items);
    char *header = st ? NULL : header_text(root, &bytes);
    json_decref(root);
    if (!st && (!header || bytes > MAX_HEADER))
        st = lbk_fail(ctx, header ? LBK_EINVAL : LBK_ENOMEM,
                      "%s: header: expected at most %d bytes, found %zu", path, MAX_HEADER, bytes);
    if (!st)
        st = put_all(ctx, path, header, bytes, n, items);
    free(header);
    return st;
}

lbk_status lbk__st_save(lbk_ctx *ctx, const char *path, int64_t n, const struct st_item *items,
                        int64_t n_meta, const struct st_meta *meta)
{
    if (n > ST_MAX_TENSORS)
        return lbk_fail(ctx, LBK_EINVAL, "%s: %lld tensors, expected at most %d", path,
                        (long long) n, ST_MAX_TENSORS);
    const struct st_item **sorted = malloc(((size_t) n + 1) * sizeof *sorted);
    if (!sorted)
        return lbk_fail(ctx, LBK_ENOMEM, "%s: out of memory", path);
    for (int64_t i = 0; i < n; i++)
        sorted[i] = &items[i];
    qsort(sorted, (size_t) n, sizeof *sorted, by_width_and_name);
    const lbk_status st = save_sorted(ctx, path, n, sorted, n_meta, meta);
    free(sorted);
    return st;
}
