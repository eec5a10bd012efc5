/* SPDX-License-Identifier: MIT */
/* YAML recipes: nested maps become dotted keys, sequences become comma lists; nothing else is
 * allowed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>
#include "cli.h"

enum { MAX_SIZE = 1 << 20, MAX_DEPTH = 64, MAX_KEYS = 4096 };

struct recipe {
    struct cli *c;
    const char *name;
    const unsigned char *text;
    size_t size;
    yaml_parser_t parser;
    int depth, n_keys;
};

static int fail_at(struct recipe *r, const yaml_mark_t *at, const char *what)
{
    return cli_fail(r->c, EXIT_DAMAGED, "%s:%zu:%zu: %s", r->name, at->line + 1, at->column + 1,
                    what);
}

/* The parser does not count lines for what it cannot even read. */
static yaml_mark_t mark_of(const struct recipe *r)
{
    yaml_mark_t m = r->parser.problem_mark;
    if (r->parser.error != YAML_READER_ERROR)
        return m;
    m = (yaml_mark_t){ 0 };
    for (size_t i = 0; i < r->parser.problem_offset && i < r->size; i++) {
        m.line += r->text[i] == '\n';
        m.column = r->text[i] == '\n' ? 0 : m.column + 1;
    }
    return m;
}

static int malformed(struct recipe *r)
{
    const yaml_mark_t at = mark_of(r);
    const char *what = r->parser.problem ? r->parser.problem : "not YAML";
    if (r->parser.error == YAML_READER_ERROR && r->parser.problem_value >= 0)
        what = cli_text(r->c, "%s: found byte 0x%02x", what, (unsigned) r->parser.problem_value);
    else if (at.index < r->size && r->text[at.index] == '\t')
        what = "expected blanks, found a tab";
    return fail_at(r, &at, what);
}

static int next(struct recipe *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->parser, e))
        return 0;
    if (r->parser.error == YAML_MEMORY_ERROR)
        return cli_fail(r->c, EXIT_MEMORY, "%s: out of memory", r->name);
    return malformed(r);
}

/* A copy of a plain or quoted scalar, refusing what a command line could not hold. */
static int scalar(struct recipe *r, const yaml_event_t *e, const char **out)
{
    const char *text = (const char *) e->data.scalar.value;
    if (e->data.scalar.tag)
        return fail_at(r, &e->start_mark, "tags are not allowed");
    if (e->data.scalar.anchor)
        return fail_at(r, &e->start_mark, "anchors are not allowed");
    if (strlen(text) != e->data.scalar.length)
        return fail_at(r, &e->start_mark, "a value holds a zero byte");
    *out = cli_text(r->c, "%s", text);
    return 0;
}

static int put(struct recipe *r, const yaml_mark_t *at, const char *key, const char *value)
{
    const size_t n = strlen(r->name);
    if (++r->n_keys > MAX_KEYS)
        return fail_at(r, at, "too many keys");
    for (int i = 0; i < r->c->n_settings; i++) {
        const struct setting *s = &r->c->settings[i];
        if (!strcmp(s->key, key) && !strncmp(s->from, r->name, n) && s->from[n] == ':')
            return fail_at(r, at, cli_text(r->c, "'%s' is given twice, first at %s", key, s->from));
    }
    return cli_set(r->c, key, value,
                   cli_text(r->c, "%s:%zu:%zu", r->name, at->line + 1, at->column + 1));
}

/* A comma outside brackets would split the item in two. */
static bool splits(const char *item)
{
    int depth = 0;
    for (; *item; item++) {
        depth += (*item == '[') - (*item == ']');
        if (*item == ',' && depth <= 0)
            return true;
    }
    return false;
}

static int sequence(struct recipe *r, const char *key, const yaml_mark_t *at)
{
    const char *list = "";
    for (;;) {
        yaml_event_t e;
        int bad = next(r, &e);
        if (bad)
            return bad;
        const char *item = NULL;
        const bool end = e.type == YAML_SEQUENCE_END_EVENT;
        if (e.type == YAML_SCALAR_EVENT)
            bad = scalar(r, &e, &item);
        else if (!end)
            bad = fail_at(r, &e.start_mark,
                          cli_text(r->c, "'%s': a list holds plain values only", key));
        if (item && (!*item || splits(item)))
            bad = fail_at(r, &e.start_mark,
                          cli_text(r->c, "'%s': a list item is empty or holds a comma", key));
        yaml_event_delete(&e);
        if (bad)
            return bad;
        if (end)
            return put(r, at, key, list);
        list = *list ? cli_text(r->c, "%s,%s", list, item) : item;
    }
}

static int mapping(struct recipe *r, const char *prefix);

/* at: where the key stands */
static int value(struct recipe *r, const char *key, const yaml_mark_t *at)
{
    yaml_event_t e;
    int bad = next(r, &e);
    if (bad)
        return bad;
    const char *text = NULL;
    if (e.type == YAML_SCALAR_EVENT) {
        bad = scalar(r, &e, &text);
        if (!bad && !*text && e.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
            bad = fail_at(r, at, cli_text(r->c, "'%s': a key has no value", key));
    } else if (e.type == YAML_ALIAS_EVENT) {
        bad = fail_at(r, at, cli_text(r->c, "'%s': aliases are not allowed", key));
    } else if (e.type == YAML_MAPPING_START_EVENT &&
               (e.data.mapping_start.anchor || e.data.mapping_start.tag)) {
        bad = fail_at(r, at, cli_text(r->c, "'%s': anchors and tags are not allowed", key));
    }
    const yaml_event_type_t type = e.type;
    yaml_event_delete(&e);
    if (bad)
        return bad;
    if (type == YAML_MAPPING_START_EVENT && r->depth >= MAX_DEPTH)
        return fail_at(r, at, "nested too deeply");
    if (type == YAML_MAPPING_START_EVENT)
        return mapping(r, key);
    return type == YAML_SEQUENCE_START_EVENT ? sequence(r, key, at) : put(r, at, key, text);
}

static int entry(struct recipe *r, const char *prefix, const yaml_event_t *e)
{
    const char *key;
    if (e->type != YAML_SCALAR_EVENT)
        return fail_at(r, &e->start_mark, "a key must be a plain word");
    const int bad = scalar(r, e, &key);
    if (bad)
        return bad;
    if (!cli_key_valid(key, strlen(key)))
        return fail_at(r, &e->start_mark, "a key is made of letters, digits, '_', '.' and '-'");
    if (*prefix)
        key = cli_text(r->c, "%s.%s", prefix, key);
    return cli_key_valid(key, strlen(key)) ? value(r, key, &e->start_mark)
                                           : fail_at(r, &e->start_mark, "a key is too long");
}

static int mapping(struct recipe *r, const char *prefix)
{
    r->depth++;
    for (;;) {
        yaml_event_t e;
        int bad = next(r, &e);
        if (bad)
            return bad;
        const bool end = e.type == YAML_MAPPING_END_EVENT;
        if (!end)
            bad = entry(r, prefix, &e);
        yaml_event_delete(&e);
        if (bad)
            return bad;
        if (end)
            break;
    }
    r->depth--;
    return 0;
}

/* STREAM-START DOCUMENT-START MAPPING-START ... DOCUMENT-END STREAM-END, and nothing more. */
static int document(struct recipe *r)
{
    static const yaml_event_type_t before[] = { YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT,
                                                YAML_MAPPING_START_EVENT },
                                   after[] = { YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT };
    for (int i = 0; i < 5; i++) {
        if (i == 3) {
            const int bad = mapping(r, "");
            if (bad)
                return bad;
        }
        yaml_event_t e;
        int bad = next(r, &e);
        if (bad)
            return bad;
        if (i == 1 && e.type == YAML_STREAM_END_EVENT)
            bad = fail_at(r, &e.start_mark, "is empty");
        else if (e.type != (i < 3 ? before[i] : after[i - 3]))
            bad = fail_at(r, &e.start_mark,
                          i < 3 ? "expected key: value lines" : "expected one document");
        yaml_event_delete(&e);
        if (bad)
            return bad;
    }
    return 0;
}

int cli_recipe_parse(struct cli *c, const char *name, const unsigned char *text, size_t size)
{
    struct recipe r = { .c = c, .name = name, .text = text, .size = size };
    if (!yaml_parser_initialize(&r.parser))
        return cli_fail(c, EXIT_MEMORY, "%s: out of memory", name);
    yaml_parser_set_input_string(&r.parser, text, size);
    const int bad = document(&r);
    yaml_parser_delete(&r.parser);
    return bad;
}

static int fail_errno(struct cli *c, const char *path, const char *doing)
{
    return cli_fail(c, errno == ENOENT ? EXIT_USAGE : EXIT_IO, "%s: cannot %s: %s", path, doing,
                    strerror(errno));
}

int cli_recipe_read(struct cli *c, const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(c, path, "open the recipe");
    unsigned char *text = cli_alloc(c, MAX_SIZE + 1);
    size_t n = 0;
    ssize_t got;
    while ((got = read(fd, text + n, MAX_SIZE + 1 - n)) > 0)
        n += (size_t) got;
    const int bad = got < 0 ? fail_errno(c, path, "read the recipe") : 0;
    close(fd);
    if (bad)
        return bad;
    if (n > MAX_SIZE)
        return cli_fail(c, EXIT_DAMAGED, "%s: a recipe has at most %d bytes", path, MAX_SIZE);
    return cli_recipe_parse(c, path, text, n);
}
