/* SPDX-License-Identifier: MIT */
/* Sources of boxes: what they read, what they count and warn of, what they refuse. */
#include <math.h>
#include "small_data.h"
#include "ctx.h"
#include "image.h"
#include "record.h"
#include "transform.h"

struct fixture {
    struct heard heard;
    lbk_ctx *ctx;
    char *folder;
    int warnings;
    char warning[2048]; /* all of them, one after the other */
};

static void listen(void *ud, enum lbk_log_level lvl, const char *msg)
{
    struct fixture *f = ud;
    hear(&f->heard, lvl, msg);
    if (lvl != LBK_LOG_WARN)
        return;
    f->warnings++;
    const size_t n = strlen(f->warning);
    snprintf(f->warning + n, sizeof f->warning - n, "%s\n", msg);
}

static void write_text(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

static void write_image(const struct fixture *f, const char *name, int64_t h, int64_t w)
{
    unsigned char *pixels = calloc((size_t) (h * w), 3);
    const struct image m = { h, w, 3, 8, pixels };
    assert_ok(&f->heard, lbk__image_write_png(f->ctx, name, &m, NULL));
    free(pixels);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct lbk_ctx_params p = {
        .size = sizeof p, .log = listen, .log_ud = f, .log_level = LBK_LOG_WARN
    };
    assert_int_equal(lbk_ctx_create(&p, &f->ctx), LBK_OK);
    f->folder = enter_folder();
    assert_int_equal(mkdir("images", 0777) | mkdir("xml", 0777), 0);
    write_image(f, "images/a.png", 40, 60);
    write_image(f, "images/b.png", 30, 20);
    write_image(f, "images/c.png", 8, 8);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    lbk_ctx_destroy(&f->ctx);
    leave_folder(f->folder);
    free(f);
    return 0;
}

static struct data *open_part(struct fixture *f, const char *text, enum data_split split)
{
    struct data *d;
    f->warnings = 0, *f->warning = 0;
    assert_ok(&f->heard, lbk__data_open(f->ctx, text, 0, NULL, split, &d));
    return d;
}

static void assert_floats(const lbk_record *r, const char *name, int64_t n, const float *want)
{
    struct lbk_array a;
    assert_int_equal(lbk_record_get(r, name, LBK_F32, &a), LBK_OK);
    assert_int_equal(lbk_shape_count(a.shape), n);
    for (int64_t i = 0; i < n; i++)
        if (fabsf(((float *) a.data)[i] - want[i]) > 1e-4f)
            fail_msg("%s[%d]: %g, expected %g", name, (int) i, (double) ((float *) a.data)[i],
                     (double) want[i]);
}

/* ---- coco ---- */

static const char *const coco = "coco,labels=train.json,val_labels=,test_labels=";
#define IMAGES                                                                                     \
 "\"images\":[{\"id\":70,\"file_name\":\"a.png\",\"width\":60,\"height\":40},"                     \
 "{\"id\":3,\"file_name\":\"b.png\",\"width\":20,\"height\":30},"                                  \
 "{\"id\":4,\"file_name\":\"c.png\",\"width\":8,\"height\":8}],"
#define CATEGORIES                                                                                 \
 "\"categories\":[{\"id\":90,\"name\":\"dog\"},{\"id\":7,\"name\":\"cat\"},"                       \
 "{\"id\":12,\"name\":\"eel\"}]"
#define COCO(boxes_) "{" IMAGES "\"annotations\":[" boxes_ "]," CATEGORIES "}"
#define BOX(box_)    "{\"image_id\":70,\"category_id\":7,\"bbox\":" box_ "}"

static void reads_coco(void **state)
{
    struct fixture *f = *state;
    lbk_record *r;
    struct lbk_array crowd;
    write_text("train.json",
               COCO("{\"image_id\":3,\"category_id\":90,\"bbox\":[1,2.5,10,20],\"area\":77,"
                    "\"iscrowd\":1},"
                    "{\"image_id\":70,\"category_id\":7,\"bbox\":[50,30,20,5]},"
                    "{\"image_id\":70,\"category_id\":90,\"bbox\":[0,0,60.3,40.2],\"iscrowd\":0},"
                    "{\"image_id\":3,\"category_id\":7,\"bbox\":[4,5,0,6],\"area\":0},"
                    "{\"image_id\":70,\"category_id\":7,\"bbox\":[4,5,6,-1]},"
                    "{\"image_id\":70,\"category_id\":7,\"bbox\":[-9,5,6,6]}"));
    struct data *d = open_part(f, coco, DATA_TRAIN);
    assert_int_equal(f->warnings, 4);
    assert_non_null(
        strstr(f->warning, "train.json: 2 boxes without an area left out: b.png, a.png\n"));
    assert_non_null(
        strstr(f->warning, "train.json: 1 box outside of the picture left out: a.png\n"));
    assert_non_null(strstr(f->warning, "train.json: 1 box cut to the picture: a.png\n"));
    assert_non_null(strstr(f->warning, "train.json: no box of 1 of 3 classes: eel\n"));
    assert_int_equal(d->n, 3);
    const struct lbk_field *field = lbk__data_classes(d);
    assert_string_equal(field->name, "boxes");
    assert_int_equal(field->classes, 3);
    assert_string_equal(field->names[0], "cat"); /* in the order of their ids */
    assert_string_equal(field->names[1], "eel");
    assert_string_equal(field->names[2], "dog");
    assert_ok(&f->heard, lbk__record_create(f->ctx, &r));
    assert_ok(&f->heard, lbk__data_read(d, 0, r));
    assert_floats(r, "boxes", 10, (float[]){ 50, 30, 60, 35, 0, 0, 0, 60, 40, 2 });
    assert_floats(r, "boxes_area", 2, (float[]){ 50, 2400 });
    assert_floats(r, "to_original", 6, (float[]){ 1, 1, 0, 0, 60, 40 });
    assert_ok(&f->heard, lbk__data_read(d, 1, r));
    assert_floats(r, "boxes", 5, (float[]){ 1, 2.5f, 11, 22.5f, 2 });
    assert_floats(r, "boxes_area", 1, (float[]){ 77 });
    assert_ok(&f->heard, lbk_record_get(r, "boxes_crowd", LBK_I32, &crowd));
    assert_int_equal(*(int32_t *) crowd.data, 1);
    assert_ok(&f->heard, lbk__data_read(d, 2, r));
    assert_floats(r, "boxes", 0, NULL);
    lbk__record_destroy(&r);
    lbk__data_close(&d);
    d = open_part(f, "coco,labels=train.json,empty=no", DATA_TRAIN);
    assert_int_equal(d->n, 2);
    lbk__data_close(&d);
}

static void coco_refused(struct fixture *f, const char *json, lbk_status want, const char *words)
{
    struct data *d;
    write_text("train.json", json);
    assert_refused(&f->heard, lbk__data_open(f->ctx, coco, 0, NULL, DATA_TRAIN, &d), want, words);
    assert_null(d);
}

static void refuses_coco(void **state)
{
    struct fixture *f = *state;
    const lbk_status bad = LBK_EFORMAT;
    struct data *d;
    assert_refused(&f->heard,
                   lbk__data_open(f->ctx, "coco,labels=no.json", 0, NULL, DATA_TRAIN, &d),
                   LBK_ENOENT, "no.json");
    assert_refused(&f->heard, lbk__data_open(f->ctx, coco, 0, NULL, DATA_VAL, &d), LBK_ENOENT,
                   "no file of val boxes: set data.val_labels");
    coco_refused(f, "{", bad, "train.json: line 1: ");
    coco_refused(f, "[]", bad, "train.json: expected a list 'images', found none");
    coco_refused(f, "{" IMAGES CATEGORIES "}", bad, "expected a list 'annotations', found none");
    coco_refused(f, "{" IMAGES "\"annotations\":{}," CATEGORIES "}", bad,
                 "expected a list 'annotations', found something else");
    coco_refused(f, COCO("7"), bad, "annotations[0]: expected an object");
    coco_refused(f, COCO("{\"image_id\":1,\"category_id\":7,\"bbox\":[0,0,1,1]}"), bad,
                 "annotations[0].image_id: expected the id of an image, found 1");
    coco_refused(f, COCO("{\"image_id\":70,\"category_id\":8,\"bbox\":[0,0,1,1]}"), bad,
                 "annotations[0].category_id: expected the id of a category, found 8");
    coco_refused(f, COCO("{\"image_id\":\"x\",\"category_id\":8,\"bbox\":[0,0,1,1]}"), bad,
                 "annotations[0].image_id: expected a whole number, found \"x\"");
    coco_refused(f, COCO(BOX("[0,0,1,1]") "," BOX("[0,0,1]")), bad,
                 "annotations[1].bbox: expected four numbers: x, y, width, height, found [0,0,1]");
    coco_refused(f, COCO(BOX("[0,0,null,1]")), bad, "annotations[0].bbox");
    coco_refused(f, COCO(BOX("[0,NaN,1,1]")), bad, "train.json: line 1: ");
    coco_refused(f, COCO(BOX("[0,0,1e999,1]")), bad, "train.json: line 1: ");
    coco_refused(f, COCO(BOX("[1e308,0,1e308,1]")), bad, "annotations[0].bbox");
    coco_refused(f, COCO("{\"image_id\":70,\"category_id\":7,\"bbox\":[0,0,1,1],\"area\":-2}"), bad,
                 "annotations[0].area: expected a number, 0 or more, found -2");
    coco_refused(f, COCO("{\"image_id\":70,\"category_id\":7,\"bbox\":[0,0,1,1],\"iscrowd\":2}"),
                 bad, "annotations[0].iscrowd: expected 0 or 1, found 2");
    coco_refused(f, "{" IMAGES "\"annotations\":[],\"categories\":[]}", bad,
                 "expected 1..65536 categories, found 0");
    coco_refused(f,
                 "{" IMAGES "\"annotations\":[],\"categories\":[{\"id\":1,\"name\":\"a\"},"
                 "{\"id\":1,\"name\":\"b\"}]}",
                 bad, "categories[1].id: expected an id of its own, found 1 as in categories[0]");
    coco_refused(f,
                 "{" IMAGES "\"annotations\":[],\"categories\":[{\"id\":1,\"name\":\"a\"},"
                 "{\"id\":2,\"name\":\"a\"}]}",
                 bad, "categories[1].name: expected a name of its own, found 'a' again");
    coco_refused(f, "{\"images\":[],\"annotations\":[]," CATEGORIES "}", bad,
                 "expected at least one picture, found none");
    coco_refused(f,
                 "{\"images\":[{\"id\":1,\"file_name\":\"../a.png\",\"width\":1,\"height\":1}],"
                 "\"annotations\":[]," CATEGORIES "}",
                 bad, "images[0].file_name: expected a file in the folder of images");
    coco_refused(f,
                 "{\"images\":[{\"id\":1,\"file_name\":\"a.png\",\"width\":0,\"height\":1}],"
                 "\"annotations\":[]," CATEGORIES "}",
                 bad, "images[0].width: expected 1..16384, found 0");
    coco_refused(f,
                 "{\"images\":[{\"id\":1,\"file_name\":\"z.png\",\"width\":9,\"height\":1}],"
                 "\"annotations\":[]," CATEGORIES "}",
                 LBK_ENOENT, "cannot read 1 of its 1 images, the first is images/z.png");
}

static void refuses_pictures(void **state)
{
    struct fixture *f = *state;
    lbk_record *r;
    write_text("train.json",
               "{\"images\":[{\"id\":1,\"file_name\":\"a.png\",\"width\":40,\"height\":60},"
               "{\"id\":2,\"file_name\":\"d.png\",\"width\":4,\"height\":6}],"
               "\"annotations\":[]," CATEGORIES "}");
    write_text("images/d.png", "no picture");
    struct data *d = open_part(f, coco, DATA_TRAIN);
    assert_ok(&f->heard, lbk__record_create(f->ctx, &r));
    assert_refused(&f->heard, lbk__data_read(d, 0, r), LBK_EFORMAT,
                   "images/a.png: expected 40 x 60 as its annotations have it, found 60 x 40");
    assert_refused(&f->heard, lbk__data_read(d, 1, r), LBK_EFORMAT,
                   "images/d.png: expected a PNG or JPEG file");
    lbk__record_destroy(&r);
    lbk__data_close(&d);
}

/* The same files give the same hash; another box or pixel another one. */
static void hashes(void **state)
{
    struct fixture *f = *state;
    char a[65], b[65], c[65];
    char *const to[] = { a, b, c };
    for (int i = 0; i < 3; i++) {
        write_text("train.json", i < 1 ? COCO(BOX("[0,0,1,1]")) : COCO(BOX("[0,0,1,2]")));
        if (i == 2)
            write_image(f, "images/c.png", 8, 9);
        struct data *d = open_part(f, coco, DATA_TRAIN);
        assert_ok(&f->heard, lbk__data_hash(d, to[i]));
        lbk__data_close(&d);
    }
    assert_string_not_equal(a, b);
    assert_string_not_equal(b, c);
}

/* ---- transforms move all that belongs to boxes ---- */

static void boxes_go_with_their_rows(void **state)
{
    struct fixture *f = *state;
    lbk_record *r;
    struct pipeline *p;
    struct lbk_array crowd;
    write_text("train.json",
               COCO("{\"image_id\":70,\"category_id\":7,\"bbox\":[0,0,10,10],\"area\":5},"
                    "{\"image_id\":70,\"category_id\":90,\"bbox\":[30,10,20,20],\"area\":6,"
                    "\"iscrowd\":1}"));
    struct data *d = open_part(f, coco, DATA_TRAIN);
    assert_ok(&f->heard, lbk__record_create(f->ctx, &r));
    assert_ok(&f->heard, lbk__data_read(d, 0, r));
    assert_ok(&f->heard, lbk__pipeline_create(f->ctx,
                                              "resize(h=30,w=30,fit=inside),center_crop(h=20,w=24),"
                                              "flip=1,flip(p=1,vertical=yes),pad(h=10,multiple=16)",
                                              &p));
    assert_ok(&f->heard, lbk__pipeline_run(p, 0, p->n, r, 0));
    /* 60 x 40 -> 30 x 20 -> columns 3 .. 27 -> turned over both ways -> 32 x 32 */
    assert_floats(r, "boxes", 10, (float[]){ 22, 15, 24, 20, 0, 2, 5, 12, 15, 2 });
    assert_floats(r, "boxes_area", 2, (float[]){ 5, 6 });
    assert_floats(r, "to_original", 6, (float[]){ -2, -2, 54, 40, 60, 40 });
    struct lbk_array image;
    assert_ok(&f->heard, lbk_record_get(r, "image", LBK_F32, &image));
    assert_true(image.shape.d[1] == 32 && image.shape.d[2] == 32);
    lbk__pipeline_destroy(&p);
    assert_ok(&f->heard, lbk__pipeline_create(f->ctx, "center_crop(h=20,w=12)", &p));
    assert_ok(&f->heard, lbk__data_read(d, 0, r));
    assert_ok(&f->heard, lbk__pipeline_run(p, 0, p->n, r, 0));
    assert_floats(r, "boxes", 5, (float[]){ 6, 0, 12, 20, 2 }); /* the first has gone */
    assert_floats(r, "boxes_area", 1, (float[]){ 6 });
    assert_ok(&f->heard, lbk_record_get(r, "boxes_crowd", LBK_I32, &crowd));
    assert_true(lbk_shape_count(crowd.shape) == 1 && *(int32_t *) crowd.data == 1);
    lbk__pipeline_destroy(&p);
    assert_ok(&f->heard, lbk__pipeline_create(f->ctx, "rotate=30", &p));
    assert_refused(&f->heard, lbk__pipeline_run(p, 0, p->n, r, 0), LBK_EUNSUPPORTED,
                   "expected transforms that keep the sides of boxes upright");
    lbk__pipeline_destroy(&p);
    lbk__record_destroy(&r);
    lbk__data_close(&d);
}

/* ---- voc ---- */

#ifdef LBK_HAVE_XML
static const char *const voc = "voc,images=images,labels=xml,list=train.txt,val_list=,"
                               "test_list=,classes=[cat,dog,eel]";
# define OBJECT(name_, box_)                                                                       \
  "<object><name>" name_ "</name><part><name>head</name></part>" box_ "</object>"
# define CORNERS(x0_, y0_, x1_, y1_)                                                               \
  "<bndbox><xmin>" x0_ "</xmin><ymin>" y0_ "</ymin><xmax> " x1_ "\n</xmax><ymax>" y1_              \
  "</ymax></bndbox>"
# define PAGE(objects_)                                                                            \
  "<?xml version=\"1.0\"?>\n<annotation><filename>other.jpg</filename>" objects_                   \
  "<size><width>60</width><height>40</height><depth>3</depth></size></annotation>\n"

static void reads_voc(void **state)
{
    struct fixture *f = *state;
    lbk_record *r;
    struct lbk_array crowd;
    write_text("train.txt", "a  1\n");
    write_text("xml/a.xml", PAGE(OBJECT("dog", CORNERS("3", "4", "13", "24.5")) OBJECT(
                                "cat", "<difficult>1</difficult>" CORNERS("1", "1", "60", "40"))
                                     OBJECT("cat", CORNERS("7", "7", "7", "9"))));
    struct data *d = open_part(f, voc, DATA_TRAIN);
    assert_int_equal(f->warnings, 2);
    assert_non_null(strstr(f->warning, "train.txt: 1 box without an area left out: a\n"));
    assert_non_null(strstr(f->warning, "train.txt: no box of 2 of 3 classes: cat, eel\n"));
    assert_ok(&f->heard, lbk__record_create(f->ctx, &r));
    assert_ok(&f->heard, lbk__data_read(d, 0, r));
    assert_floats(r, "boxes", 10, (float[]){ 3, 4, 13, 24.5f, 1, 1, 1, 60, 40, 0 });
    assert_floats(r, "boxes_area", 2, (float[]){ 205, 2301 });
    assert_ok(&f->heard, lbk_record_get(r, "boxes_crowd", LBK_I32, &crowd));
    assert_true(!((int32_t *) crowd.data)[0] && ((int32_t *) crowd.data)[1]);
    lbk__data_close(&d);
    char pixels[200];
    snprintf(pixels, sizeof pixels, "%s,corners=pixels,difficult=drop", voc);
    d = open_part(f, pixels, DATA_TRAIN);
    assert_ok(&f->heard, lbk__data_read(d, 0, r));
    assert_floats(r, "boxes", 10, (float[]){ 2, 3, 13, 24.5f, 1, 6, 6, 7, 9, 0 });
    lbk__record_destroy(&r);
    lbk__data_close(&d);
}

static void voc_refused(struct fixture *f, const char *xml, const char *words)
{
    struct data *d;
    write_text("train.txt", "a\n");
    write_text("xml/a.xml", xml);
    assert_refused(&f->heard, lbk__data_open(f->ctx, voc, 0, NULL, DATA_TRAIN, &d), LBK_EFORMAT,
                   words);
    assert_null(d);
}

static void refuses_voc(void **state)
{
    struct fixture *f = *state;
    struct data *d;
    write_text("train.txt", "a\n");
    write_text("xml/a.xml", PAGE(OBJECT("dog", CORNERS("3", "4", "13", "24")) OBJECT("do", "")
                                     OBJECT("dog", "")));
    assert_refused(&f->heard,
                   lbk__data_open(f->ctx, "voc,images=images,labels=xml,list=train.txt", 0, NULL,
                                  DATA_TRAIN, &d),
                   LBK_EINVAL, "set data.classes=[..]; the files have dog,do");
    assert_refused(&f->heard, lbk__data_open(f->ctx, voc, 0, NULL, DATA_TEST, &d), LBK_ENOENT,
                   "no list of test images: set data.test_list");
    voc_refused(f, "", "xml/a.xml: line 1: no element found");
    voc_refused(f, "<annotation>", "xml/a.xml: line 1: ");
    voc_refused(f, "<html/>", "xml/a.xml: line 1: expected an element 'annotation', found 'html'");
    voc_refused(f, "<!DOCTYPE x [<!ENTITY y \"z\">]><annotation/>",
                "expected no document type, found 'x'");
    voc_refused(f, "<annotation/>", "expected a size of 1..16384 in width and height, found 0 x 0");
    voc_refused(f, PAGE(OBJECT("dgo", CORNERS("3", "4", "13", "24"))),
                "line 2: class 'dgo' is not among data.classes; did you mean 'dog'?");
    voc_refused(f, PAGE(OBJECT("dog", CORNERS("3", "4", "nan", "24"))),
                "line 3: expected a number, found ' nan");
    voc_refused(f, PAGE(OBJECT("dog", "<bndbox><xmin>3</xmin></bndbox>")),
                "line 2: expected an object with a name and a bndbox of xmin, ymin, xmax, ymax");
    write_text("train.txt", "nobody\n");
    assert_refused(&f->heard, lbk__data_open(f->ctx, voc, 0, NULL, DATA_TRAIN, &d), LBK_EFORMAT,
                   "train.txt: expected the name of an image in images, found 'nobody'");
    write_text("train.txt", "b\n");
    assert_refused(&f->heard, lbk__data_open(f->ctx, voc, 0, NULL, DATA_TRAIN, &d), LBK_ENOENT,
                   "xml/b.xml");
}

/* ---- the real ones ---- */

/* The two forms of one data set have the same boxes. */
static void bccd_is_the_same_in_both_forms(void **state)
{
    struct fixture *f = *state;
    const char *data = getenv("LIMBECK_DATA");
    char path[1024], text[1400];
    snprintf(path, sizeof path, "%s/bccd", data ? data : "");
    if (!data || access(path, R_OK))
        skip();
    snprintf(text, sizeof text,
             "voc,root=%s,images=images,labels=annotations,list=train.txt,val_list=val.txt,"
             "test_list=test.txt,classes=[RBC,WBC,Platelets]",
             path);
    const int64_t boxes[] = { 2804, 1137, 945 }, samples[] = { 205, 87, 72 }, flat[] = { 1, 1, 0 };
    for (int s = 0; s < 3; s++) {
        struct data *a = open_part(f, "bccd", (enum data_split) s);
        assert_int_equal(f->warnings, 0);
        struct data *b = open_part(f, text, (enum data_split) s);
        assert_int_equal(f->warnings, flat[s]);
        lbk_record *x, *y;
        int64_t n = 0;
        assert_int_equal(a->n, samples[s]);
        assert_int_equal(b->n, samples[s]);
        assert_ok(&f->heard, lbk__record_create(f->ctx, &x));
        assert_ok(&f->heard, lbk__record_create(f->ctx, &y));
        for (int64_t i = 0; i < a->n; i++) {
            struct lbk_array p, q;
            assert_ok(&f->heard, lbk__data_read(a, i, x));
            assert_ok(&f->heard, lbk__data_read(b, i, y));
            assert_int_equal(lbk__data_id(a, i) != lbk__data_id(b, i), 0);
            assert_ok(&f->heard, lbk_record_get(x, "boxes", LBK_F32, &p));
            assert_ok(&f->heard, lbk_record_get(y, "boxes", LBK_F32, &q));
            assert_int_equal(p.shape.d[0], q.shape.d[0]);
            assert_memory_equal(p.data, q.data, (size_t) p.shape.d[0] * 20);
            n += p.shape.d[0];
        }
        assert_int_equal(n, boxes[s]);
        lbk__record_destroy(&x), lbk__record_destroy(&y);
        lbk__data_close(&a), lbk__data_close(&b);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_coco, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_coco, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_pictures, setup, teardown),
        cmocka_unit_test_setup_teardown(hashes, setup, teardown),
        cmocka_unit_test_setup_teardown(boxes_go_with_their_rows, setup, teardown),
#ifdef LBK_HAVE_XML
        cmocka_unit_test_setup_teardown(reads_voc, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_voc, setup, teardown),
        cmocka_unit_test_setup_teardown(bccd_is_the_same_in_both_forms, setup, teardown),
#endif
    };
#ifdef LBK_HAVE_IMAGE
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    (void) tests;
    return 77;
#endif
}
