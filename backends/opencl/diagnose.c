/* SPDX-License-Identifier: MIT */
/* The loader reads files that name the libraries of drivers; each step of that can be missing. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <limbeck/file.h>
#include "folder.h"
#include "report.h"

enum { FOUND_MOST = 64, ICD_MOST = 4096 };
static const char vendors[] = "/etc/OpenCL/vendors";
static const char variable[] = "OCL_ICD_VENDORS", unset[] = "unset OCL_ICD_VENDORS";
static const char get_driver[] =
    "sudo apt install pocl-opencl-icd   (processors; for a GPU the driver of its vendor)";
static const char find_driver[] = "find out which: OCL_ICD_VENDORS=/etc/OpenCL/vendors/NAME.icd "
                                  "limbeck devices   (PoCL needs /sys)";
static const char see_device[] =
    "see that the device is there and its kernel module runs: ls -l /dev/dri /dev/nvidia* "
    "/dev/kfd; sudo dmesg   (without such a device: remove the driver)";

struct out {
    void (*put)(void *ud, const char *problem, const char *mend);
    void *ud;
    int n;
};

static void say(struct out *o, const char *mend, const char *fmt, ...) LBK_PRINTF(3, 4);
static void say(struct out *o, const char *mend, const char *fmt, ...)
{
    char text[2 * OCL_PATH_MOST];
    va_list v;
    va_start(v, fmt);
    vsnprintf(text, sizeof text, fmt, v);
    va_end(v);
    o->put(o->ud, text, mend);
    o->n++;
}

/* ---- files that name drivers ---- */

static bool is_icd(const char *name)
{
    const size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".icd") == 0;
}

static void check_library(struct out *o, const char *from, const char *library, const char *mend)
{
    char why[512];
    const enum ocl_driver is = ocl_driver_try(library, why, sizeof why);
    if (is != OCL_DRIVER_WORKS)
        say(o, is == OCL_DRIVER_IDLE ? see_device : mend, "'%s' names '%s', which %s", from,
            library, why);
}

/* The first line is the library. */
static void check_icd(struct out *o, const char *path)
{
    unsigned char *text;
    char mend[OCL_PATH_MOST + 64];
    size_t n;
    const int err = lbk_file_slurp(path, ICD_MOST, &text, &n);
    snprintf(mend, sizeof mend, "reinstall its driver: dpkg -S '%s' names the package", path);
    if (err) {
        say(o, mend, "'%s' cannot be read: %s", path, strerror(err));
        return;
    }
    char *library = (char *) text;
    library[strcspn(library, "\r\n")] = '\0';
    if (!library[0])
        say(o, mend, "'%s' names no library", path);
    else
        check_library(o, path, library, mend);
    free(text);
}

static int check_folder(struct out *o, const char *folder)
{
    char path[OCL_PATH_MOST];
    int n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
        if (is_icd(e->d_name) &&
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name) < OCL_PATH_MOST) {
            check_icd(o, path);
            n++;
        }
    if (dir)
        closedir(dir);
    return n;
}

/* As ocl-icd does: a name alone is first looked for in the usual folder. */
static void check_named(struct out *o, const char *icd)
{
    char path[OCL_PATH_MOST];
    struct stat s;
    const int n = snprintf(path, sizeof path, "%s/%s", vendors, icd);
    const bool usual = !strchr(icd, '/') && n < OCL_PATH_MOST && stat(path, &s) == 0;
    check_icd(o, usual ? path : icd);
}

static const char *where_drivers_are(void)
{
    const char *set = getenv(variable);
    return set && set[0] ? set : vendors;
}

/* OCL_ICD_VENDORS is a folder, a file that names a library, or a library, and stands for the usual
 * folder. */
static void check_drivers(struct out *o)
{
    const char *where = where_drivers_are();
    struct stat s;
    const bool usual = where == vendors, folder = stat(where, &s) == 0 && S_ISDIR(s.st_mode);
    if (!usual && !folder && is_icd(where))
        check_named(o, where);
    else if (!usual && !folder)
        check_library(o, variable, where, unset);
    else if (check_folder(o, where) == 0)
        say(o, usual ? get_driver : unset, "%s: no file '*.icd' in '%s'",
            usual ? "no OpenCL driver is installed" : "OCL_ICD_VENDORS names no driver", where);
}

/* ---- platforms and devices ---- */

/* Mesa offers its devices only to those that ask. */
static void no_device(struct out *o, const struct cl_api *cl, cl_platform_id platform)
{
    char name[128];
    ocl_platform_text(cl, platform, CL_PLATFORM_NAME, name, sizeof name);
    const bool asks = strcmp(name, "rusticl") == 0 && !getenv("RUSTICL_ENABLE");
    say(o,
        asks ? "export RUSTICL_ENABLE=llvmpipe   (or radeonsi, iris, ...: the driver of the GPU)"
             : "see that the device is there and that you may use it: ls -l /dev/dri; groups",
        "platform '%s' has no device%s", name, asks ? " while RUSTICL_ENABLE is not set" : "");
}

static void check_device(struct out *o, const struct cl_api *cl, cl_device_id device)
{
    char name[128], why[256];
    ocl_device_text(cl, device, CL_DEVICE_NAME, name, sizeof name);
    if (!ocl_usable(cl, device, why))
        say(o, "install a newer driver", "device '%s' cannot be used: %s", name, why);
}

/* A platform without a device matters only when no other one has any; that there is none, when
 * nothing said of the drivers explains it. */
static void check_platforms(struct out *o, const struct cl_api *cl)
{
    struct ocl_found found[FOUND_MOST];
    cl_platform_id platform[FOUND_MOST];
    cl_uint n_platform = 0;
    const int n = ocl_find(cl, found, FOUND_MOST);
    for (int i = 0; i < n && i < FOUND_MOST; i++)
        check_device(o, cl, found[i].device);
    if (n)
        return;
    const cl_int err = cl->GetPlatformIDs(FOUND_MOST, platform, &n_platform);
    if ((err || !n_platform) && !o->n)
        say(o, see_device, "drivers are named in '%s', but there is no platform (error %d)",
            where_drivers_are(), err);
    n_platform = err ? 0 : n_platform;
    for (cl_uint i = 0; i < n_platform && i < FOUND_MOST; i++)
        no_device(o, cl, platform[i]);
}

static void check_cache(struct out *o)
{
    char path[OCL_PATH_MOST], why[256], mend[2 * OCL_PATH_MOST + 64];
    if (ocl_folder_open(path, why))
        return;
    if (path[0])
        snprintf(mend, sizeof mend, "sudo chown $USER '%s'; chmod 700 '%s'", path, path);
    else
        snprintf(mend, sizeof mend, "export XDG_CACHE_HOME=$HOME/.cache");
    say(o, mend, "built kernels cannot be kept in '%s': %s", path, why);
}

int ocl_diagnose(lbk_ctx *ctx, void (*put)(void *ud, const char *problem, const char *mend),
                 void *ud)
{
    struct out o = { put, ud, 0 };
    const char *why;
    const struct cl_api *cl = ocl_load(&why);
    const bool crashes = !cl && why == ocl_crashes;
    if (crashes)
        say(&o, find_driver, "%s", why);
    else if (!cl)
        say(&o, "sudo apt install ocl-icd-libopencl1", "%s", why);
    if (!crashes)
        check_drivers(&o);
    if (cl)
        check_platforms(&o, cl);
    check_cache(&o);
    ocl_unload(cl);
    return o.n;
}
