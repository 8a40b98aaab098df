// Histories of a job and what is seen of them. A message is written in the text
// format of protobuf.
#include "clients/nevus/job_view.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/nevus/output.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

v1::WatchJobResponse News(const std::string& text) {
  v1::WatchJobResponse news;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &news))
      << text;
  return news;
}

// What a view shows after `history`, 100 columns, 65 s after the epoch.
std::string Shown(const std::vector<std::string>& history, size_t most = 10,
                  size_t columns = 100) {
  JobView view;
  for (const std::string& news : history) view.Take(News(news));
  std::string text;
  for (const std::string& line :
       view.Lines(absl::FromUnixSeconds(65), columns, most)) {
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

constexpr char kOneTask[] = R"(job {
  id: "j-1" title: "train m on d@1" state: PENDING
  reason: "WAITING_FOR_WORKER" reason_message: "no training worker"
  tasks { state: WAITING } })";

constexpr char kThreeTasks[] = R"(job {
  id: "j-1" title: "sweep" state: RUNNING last_event: 4
  start_time { seconds: 5 }
  tasks { index: 0 title: "hidden=0" state: DONE attempts: 1
    progress { done: 9 total: 9 unit: "epochs"
      metrics { name: "validation_auc" value: 0.9127 }
      metrics { name: "loss" value: 2 } } }
  tasks { index: 1 title: "hidden=64" state: LEASED attempts: 2 worker: "w1" }
  tasks { index: 2 title: "hidden=256" state: WAITING attempts: 1
    last_error { message: "no memory" reason: "WORKER_DIED" } } })";

TEST(JobViewTest, NothingIsKnownBeforeTheFirstSnapshot) {
  EXPECT_EQ(Shown({}), "");
}

TEST(JobViewTest, AJobThatWaitsSaysForWhat) {
  EXPECT_EQ(Shown({kOneTask}),
            "train m on d@1  PENDING\n"
            "  waits: no training worker (WAITING_FOR_WORKER)\n"
            "  task 0  WAITING\n");
}

TEST(JobViewTest, EventsChangeWhatTheSnapshotSaid) {
  EXPECT_EQ(
      Shown({kOneTask, "event { number: 1 task { state: LEASED attempts: 1 } }",
             "event { number: 2 state { state: RUNNING } }",
             R"(event { number: 3 progress { rate: 2.5 time_left { seconds: 70 }
                progress { done: 5 total: 20 unit: "epochs" message: "best yet"
                  metrics { name: "loss" value: 0.5 } } } })"}),
      "train m on d@1  RUNNING\n"
      "  task 0  LEASED  [=====               ] 5/20 epochs, 2.5/s, 1 min 10 s "
      "left, loss 0.500, best yet\n");
  EXPECT_EQ(Shown({kOneTask,
                   R"(event { number: 1 task { state: BROKEN attempts: 3
                      error { message: "bad" reason: "IMAGE_BAD" } } })",
                   R"(event { number: 2 state { state: FAILED
                      error { message: "bad" reason: "IMAGE_BAD" } } })"}),
            "train m on d@1  FAILED: bad (IMAGE_BAD)\n"
            "  task 0  BROKEN  attempt 3, bad (IMAGE_BAD)\n");
}

TEST(JobViewTest, WhatAJobMadeIsSaidWhenItIsMade) {
  EXPECT_EQ(Shown({"job { id: 'j-1' state: RUNNING result: 'm@1' }"}),
            "j-1  RUNNING\n");
  EXPECT_EQ(Shown({"job { id: 'j-1' state: SUCCEEDED result: 'm@1' }"}),
            "j-1  SUCCEEDED: m@1\n");
}

TEST(JobViewTest, EachTaskOfASmallJobHasALine) {
  EXPECT_EQ(Shown({kThreeTasks}),
            "sweep  RUNNING  [======              ] 1/3 tasks, for 1 min 0 s\n"
            "  0 hidden=0    DONE    [====================] 9/9 epochs, "
            "validation_auc 0.913\n"
            "  1 hidden=64   LEASED  attempt 2\n"
            "  2 hidden=256  WAITING no memory (WORKER_DIED)\n");
}

TEST(JobViewTest, OfALargeJobOnlyTasksThatRunAndNoMoreThanFit) {
  std::string job = R"(job { id: "j-1" state: RUNNING )";
  for (int i = 0; i < 40; ++i) {
    absl::StrAppend(&job, "tasks { index: ", i,
                    " progress { total: 256 unit: 'images' done: ",
                    i < 10 ? 256 : 0, " } state: ",
                    i < 10   ? "DONE"
                    : i < 14 ? "LEASED"
                             : "WAITING",
                    " } ");
  }
  EXPECT_EQ(Shown({job + "}"}, 3),
            "j-1  RUNNING  [=====               ] 2560/10240 images, 10/40 "
            "tasks\n"
            "  task 10  LEASED  [                    ] 0/256 images\n"
            "  task 11  LEASED  [                    ] 0/256 images\n"
            "  task 12  LEASED  [                    ] 0/256 images\n"
            "  and 1 more\n");
}

TEST(JobViewTest, RatesOfTheTasksAddUp) {
  const std::string progress =
      "progress { done: 100 total: 256 unit: 'images' }";
  const std::string job = absl::StrCat(
      "job { id: 'j-1' state: RUNNING last_event: 0 tasks { index: 0 state: "
      "LEASED ",
      progress, "} tasks { index: 1 state: LEASED ", progress, "} }");
  const std::string at = absl::StrCat(progress, " rate: 12 } }");
  const std::string shown =
      Shown({job, "event { number: 1 progress { task: 0 " + at,
             "event { number: 2 progress { task: 1 " + at},
            0);
  // 312 images are left, at 24 a second.
  EXPECT_EQ(shown,
            "j-1  RUNNING  [=======             ] 200/512 images, 24/s, 13 s "
            "left, 0/2 tasks\n  and 2 more\n");
}

TEST(JobViewTest, ThePastDoesNotUndoTheSnapshot) {
  // The snapshot has events 1 to 4; a watcher gets them after it.
  const std::string with_past =
      Shown({kThreeTasks, "event { number: 1 state { state: PENDING } }",
             "event { number: 2 task { task: 0 state: LEASED } }",
             "event { number: 3 task { task: 1 state: WAITING } }"});
  EXPECT_EQ(with_past, Shown({kThreeTasks}));
  // How fast a task goes only events say.
  EXPECT_THAT(Shown({kThreeTasks,
                     "event { number: 4 progress { task: 1 rate: "
                     "30 } }"}),
              ::testing::HasSubstr("1 hidden=64   LEASED  30/s"));
}

TEST(JobViewTest, ALineIsNoLongerThanTheTerminalAndHasNoEscapes) {
  EXPECT_EQ(Shown({"job { id: 'j-1' title: 'a\\033[2Jb\\ncd' state: RUNNING }"},
                  10, 10),
            "a [2Jb cd\xE2\x80\xA6\n");
}

TEST(JobViewTest, BarsAreFilledInProportion) {
  EXPECT_EQ(Bar(0, 0, 4), "[    ]");
  EXPECT_EQ(Bar(1, 2, 4), "[==  ]");
  EXPECT_EQ(Bar(3, 2, 4), "[====]");
  EXPECT_EQ(Bar(-1, 2, 4), "[    ]");
}

TEST(JobNarratorTest, AnEventIsALineAndANewReasonToo) {
  JobNarrator narrator;
  std::vector<std::string> lines;
  for (const std::string& news : std::vector<std::string>{
           kOneTask, kOneTask,  // again, after a broken stream
           R"(job { id: "j-1" reason: "BEHIND_JOBS" reason_message: "2 jobs"
              tasks { title: "hidden=0" } })",
           // Between two tasks.
           R"(job { id: "j-1" state: RUNNING reason: "WORKERS_BUSY"
              reason_message: "1 worker" tasks { title: "hidden=0" } })",
           R"(event { number: 7 time { seconds: 60 }
              task { state: LEASED worker: "w1" attempts: 2 } })",
           R"(event { number: 8 time { seconds: 61 } progress { rate: 10
              progress { done: 5 total: 9 unit: "epochs" message: "so far" } } })",
           R"(event { number: 9 log { worker: "w1" line: "two\nlines" } })",
           R"(event { number: 10 task { state: WAITING worker: "w1"
              error { message: "silent" reason: "WORKER_SILENT" } } })",
           R"(event { number: 11 state { state: SUCCEEDED result: "m@1" } })",
           R"(job { id: "j-1" state: SUCCEEDED })"}) {
    const std::string line = narrator.Tell(News(news));
    if (!line.empty()) lines.push_back(line);
  }
  EXPECT_THAT(
      lines,
      ElementsAre(
          "j-1, train m on d@1: PENDING, waits: no training worker "
          "(WAITING_FOR_WORKER)",
          "j-1 waits: 2 jobs (BEHIND_JOBS)",
          "7 1970-01-01T00:01:00Z task 0 (hidden=0) LEASED by w1, attempt 2",
          "8 1970-01-01T00:01:01Z task 0 (hidden=0): 5/9 epochs, 10/s, so far",
          "9 1970-01-01T00:00:00Z task 0 (hidden=0), w1: two lines",
          "10 1970-01-01T00:00:00Z task 0 (hidden=0) WAITING, was with w1: "
          "silent (WORKER_SILENT)",
          "11 1970-01-01T00:00:00Z job SUCCEEDED: m@1"));
}

}  // namespace
}  // namespace nevus
