/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <limbeck/file.h>
#include "page.h"

enum { EARLIER = 24, LARGEST = 1 << 24 };
static const char latest[] = "latest.png";

struct shown {
    unsigned char *data; /* NULL: it cannot be read */
    size_t n;
};

static struct shown read_picture(const char *folder, const char *name)
{
    char path[4400];
    struct shown p = { NULL, 0 };
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (lbk_file_slurp(path, LARGEST, &p.data, &p.n))
        p.data = NULL;
    return p;
}

static void put_picture(struct text *t, const char *name, const struct shown *p)
{
    lbk__text_word(t, "<figure><img alt=\"");
    lbk__text_escaped(t, name);
    lbk__text_word(t, "\" src=\"data:image/png;base64,");
    lbk__text_base64(t, p->data, p->n);
    lbk__text_word(t, "\">");
    lbk__page_tag(t, "figcaption", NULL, name);
    lbk__text_word(t, "</figure>\n");
}

static int is_earlier(const struct dirent *d)
{
    const size_t n = strlen(d->d_name);
    return n > 4 && !strcmp(d->d_name + n - 4, ".png") && strcmp(d->d_name, latest) != 0;
}

/* One of them is the latest, too. */
static void put_earlier(struct text *t, const char *folder, const struct shown *last)
{
    struct dirent **at = NULL;
    const int n = scandir(folder, &at, is_earlier, alphasort), from = n > EARLIER ? n - EARLIER : 0;
    lbk__text_word(t, "<details><summary>By epoch</summary>\n");
    if (from)
        lbk__text_add(t, "<p class=\"note\">The last %d of %d in samples/.</p>\n", EARLIER, n);
    for (int i = 0; i < n; i++) {
        struct shown p = { NULL, 0 };
        if (i >= from)
            p = read_picture(folder, at[i]->d_name);
        if (p.data && !(last->data && p.n == last->n && !memcmp(p.data, last->data, p.n)))
            put_picture(t, at[i]->d_name, &p);
        free(p.data);
        free(at[i]);
    }
    free(at);
    lbk__text_word(t, "</details>\n");
}

void lbk__page_pictures(struct text *t, const char *dir)
{
    char folder[4096];
    DIR *d;
    snprintf(folder, sizeof folder, "%s/samples", dir);
    if (!(d = opendir(folder)))
        return;
    closedir(d);
    struct shown last = read_picture(folder, latest);
    lbk__text_word(t, "<section class=\"pictures\"><h2>Samples</h2>\n");
    if (last.data)
        put_picture(t, latest, &last);
    put_earlier(t, folder, &last);
    lbk__text_word(t, "</section>\n");
    free(last.data);
}
