/* SPDX-License-Identifier: MIT */
/* The safetensors file format: strict reader, reproducible writer. [owner thread] */
#ifndef LBK_SRC_SAFETENSORS_H
#define LBK_SRC_SAFETENSORS_H
#include <limbeck/tensor.h>
#include "arena.h"

enum { ST_MAX_RANK = 8, ST_MAX_TENSORS = 65536, ST_MAX_NAME = 1024 };

struct st_dtype {
    const char *name;
    int bits;
}; /* bits of one element; less than 8 are packed */
struct st_tensor {
    const char *name;
    const struct st_dtype *dtype;
    int rank;
    uint64_t dim[ST_MAX_RANK];
    uint64_t begin, end; /* bytes, from the end of the header */
};
struct st_meta {
    const char *key, *value;
};
struct st_file {
    lbk_ctx *ctx;
    const char *path;
    int fd;
    uint64_t data_at; /* where the tensors begin in the file */
    int64_t n, n_meta;
    struct st_tensor *at; /* in the order of their bytes */
    struct st_meta *meta;
    struct arena arena;
};

/* Everything that the header says is checked here, before anything of a size that it names is
 * allocated. A file that opens holds exactly the bytes of its tensors: none shared, none unused,
 * none missing. */
lbk_status lbk__st_open(lbk_ctx *ctx, const char *path, struct st_file *out);
void lbk__st_close(struct st_file *f);
const struct st_tensor *lbk__st_find(const struct st_file *f, const char *name);
/* All bytes of a tensor, end - begin of them, elements in the byte order of this machine. */
lbk_status lbk__st_read(const struct st_file *f, const struct st_tensor *t, void *dst);

const struct st_dtype *lbk__st_dtype(const char *name); /* NULL = there is none */

/* One of data and tensor is set. stored: type in the file, where memory has none of it ("I64"); data is of it then. */
struct st_item {
    const char *name;
    lbk_dtype dtype;
    lbk_shape shape;
    const void *data;
    const lbk_tensor *tensor;
    const char *stored;
};
/* Equal content makes equal bytes, whatever the order of the items. The file of that name is
 * replaced at once and whole, or is left as it was. */
lbk_status lbk__st_save(lbk_ctx *ctx, const char *path, int64_t n, const struct st_item *items,
                        int64_t n_meta, const struct st_meta *meta);

#endif
