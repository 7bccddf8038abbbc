#include "common/zonefiles.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/files.h"
#include "common/mem.h"

static char folder[64];

static void put(const char *name, const char *text)
{
    BF_AUTO_FREE char *path = bf_path_join(folder, name);
    BF_AUTO_FREE char *dir = bf_path_dir(path);
    struct bf_error err = {0};
    cr_assert_eq(bf_mkdirs(dir, 0755, &err), BF_OK, "%s", err.text);
    cr_assert_eq(bf_file_write(path, text, strlen(text), 0644, &err), BF_OK, "%s", err.text);
}

static void put_link(const char *name, const char *to)
{
    BF_AUTO_FREE char *path = bf_path_join(folder, name);
    cr_assert_eq(symlink(to, path), 0);
}

/* A database of a few zones, with everything beside them that must not be read. */
static void make_database(void)
{
    strcpy(folder, "/tmp/bf-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    put("secret", "TZif secret");
    put("db/UTC", "TZif utc");
    put("db/Europe/Berlin", "TZif berlin");
    put("db/America/Argentina/Ushuaia", "TZif ushuaia");
    put("db/Etc/GMT+5", "TZif gmt5");
    put("db/Etc/text", "no zone");
    put("db/Etc/short", "TZ");
    put("db/tzdata.zi", "TZif");
    put("db/posix/UTC", "TZif posix");
    put("db/right/UTC", "TZif right");
    put("db/localtime", "TZif here");
    put("db2/UTC", "TZif twin");
    put_link("db/Inside", "Europe/Berlin");
    put_link("db/Outside", "../secret");
    put_link("db/Twin", "../db2/UTC");
    put_link("db/Folder", "..");
    put_link("db/Gone", "nowhere");
    put_link("link", "db");
    BF_AUTO_FREE char *fifo = bf_path_join(folder, "db/Fifo");
    cr_assert_eq(mkfifo(fifo, 0644), 0);
    BF_AUTO_FREE char *dir = bf_path_join(folder, "link");
    setenv("TZDIR", dir, 1);
}

static void drop_database(void)
{
    BF_AUTO_FREE char *command = bf_xasprintf("rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(zonefiles, .init = make_database, .fini = drop_database);

Test(zonefiles, zones_are_read)
{
    static const struct { const char *name, *text; } rows[] = {
        {"UTC", "TZif utc"}, {"Europe/Berlin", "TZif berlin"}, {"America/Argentina/Ushuaia", "TZif ushuaia"},
        {"Etc/GMT+5", "TZif gmt5"}, {"Inside", "TZif berlin"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bf_buf b = {0};
        struct bf_error err = {0};
        cr_assert_eq(bf_zone_file_read(rows[i].name, 100, &b, &err), BF_OK, "%s: %s", rows[i].name, err.text);
        cr_expect_str_eq(bf_buf_cstr(&b), rows[i].text, "%s", rows[i].name);
        bf_buf_free(&b);
    }
}

Test(zonefiles, nothing_else_is_read)
{
    static const char *const names[] = {"", "Europe", "Europe/", "Europe//Berlin", "/etc/passwd", "../secret", "Europe/../../secret",
                                        "Outside", "Twin", "Folder/secret", "Folder/db2/UTC", "Gone", "Fifo", "Etc/text", "Etc/short",
                                        "tzdata.zi", "posix/UTC", "right/UTC", "localtime", "Europe/Berlin\n", "europe/Berlin", "Nowhere"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct bf_buf b = {0};
        struct bf_error err = {0};
        cr_expect_eq(bf_zone_file_read(names[i], 100, &b, &err), BF_NOT_FOUND, "\"%s\"", names[i]);
        cr_expect(b.len == 0 && strstr(err.text, "no time zone"), "\"%s\": %s", names[i], err.text);
        bf_buf_free(&b);
    }
    struct bf_buf b = {0};
    struct bf_error err = {0};
    cr_expect_eq(bf_zone_file_read("UTC", 4, &b, &err), BF_LIMIT);
    bf_buf_free(&b);
}

Test(zonefiles, names_are_sorted_and_those_that_can_be_read)
{
    struct bf_buf b = {0};
    bf_zone_file_names(&b);
    cr_expect_str_eq(bf_buf_cstr(&b), "America/Argentina/Ushuaia\nEtc/GMT+5\nEurope/Berlin\nInside\nUTC\n");
    bf_buf_free(&b);
}

Test(zonefiles, a_system_without_a_database)
{
    BF_AUTO_FREE char *none = bf_path_join(folder, "none");
    setenv("TZDIR", none, 1);
    struct bf_buf b = {0};
    struct bf_error err = {0};
    cr_expect_eq(bf_zone_file_read("UTC", 100, &b, &err), BF_NOT_FOUND);
    cr_expect_not_null(strstr(err.text, "install tzdata"), "%s", err.text);
    bf_zone_file_names(&b);
    cr_expect_eq(b.len, 0);
    bf_buf_free(&b);
}
