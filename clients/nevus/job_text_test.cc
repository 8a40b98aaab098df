#include "clients/nevus/job_text.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

v1::Job Parse(const std::string& text) {
  v1::Job job;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &job));
  return job;
}

TEST(JobFieldsTest, WhatSaysNothingIsLeftOut) {
  const Table table = JobFields(Parse("id: 'j-1' state: PENDING"), {});
  EXPECT_THAT(table.rows, ElementsAre(ElementsAre("job", "j-1"),
                                      ElementsAre("state", "PENDING")));
}

TEST(JobFieldsTest, AllThatIsKnownIsSaid) {
  const Table table =
      JobFields(Parse(R"(id: "j-1" title: "t" kind: TRAINING state: FAILED
               reason: "R" reason_message: "why"
               error { message: "bad" reason: "BAD" }
               progress { done: 1 total: 2 unit: "epochs" message: "note" }
               tasks { state: DONE attempts: 1 } tasks { state: BROKEN attempts: 3 }
               depends_on: "j-2" depends_on: "j-3" priority: -5
               time_limit { seconds: 60 } attempt_time_limit { seconds: 30 }
               create_time { seconds: 0 } start_time { seconds: 10 }
               end_time { seconds: 100 })"),
                absl::FromUnixSeconds(3600));
  std::string text = AlignTable({{}, table.rows});
  EXPECT_EQ(text,
            "job                       j-1\n"
            "title                     t\n"
            "kind                      training\n"
            "state                     FAILED\n"
            "waits for                 why\n"
            "waits for (code)          R\n"
            "progress                  1/2 epochs\n"
            "note                      note\n"
            "error                     bad\n"
            "reason                    BAD\n"
            "tasks                     2: 1 DONE, 1 BROKEN; 4 attempts\n"
            "depends on                j-2 j-3\n"
            "priority                  -5\n"
            "time limit                1 min 0 s\n"
            "time limit of an attempt  30 s\n"
            "submitted                 1970-01-01T00:00:00Z, 1 h 0 min ago\n"
            "started                   1970-01-01T00:00:10Z\n"
            "ended                     1970-01-01T00:01:40Z\n"
            "took                      1 min 30 s\n");
}

// Four candidates and the task that chooses, which has the best's metric too.
constexpr char kSweep[] = R"(
  tasks { index: 0 title: "hidden=0" state: DONE attempts: 1
          progress { metrics { name: "validation_auc" value: 0.8 } } }
  tasks { index: 1 title: "hidden=64" state: DONE attempts: 1
          progress { metrics { name: "validation_auc" value: 0.91 }
                     metrics { name: "epochs" value: 12 } } }
  tasks { index: 2 title: "hidden=128" state: DONE attempts: 2
          progress { metrics { name: "validation_auc" value: 0.91 } }
          last_error { message: "of the first attempt" } }
  tasks { index: 3 title: "hidden=256" state: WAITING
          progress { metrics { name: "validation_auc" value: nan } }
          last_error { message: "gone" } }
  tasks { index: 4 state: WAITING stage: 1 spec { choose {} }
          progress { metrics { name: "validation_auc" value: 0.95 } } })";

TEST(TaskTableTest, ASweepIsSortedAndTheFirstOfEqualsIsTheBest) {
  const v1::Job job = Parse(kSweep);
  EXPECT_TRUE(IsSweep(job));
  EXPECT_EQ(
      AlignTable(TaskTable(job, 50)),
      "task  title       state    attempts  worker  progress  validation_auc  "
      "epochs  best  last error\n"
      "1     hidden=64   DONE     1                           0.9100          "
      "12      *\n"
      "2     hidden=128  DONE     2                           0.9100\n"
      "0     hidden=0    DONE     1                           0.8000\n"
      "3     hidden=256  WAITING  0                           nan             "
      "              gone\n"
      "4                 WAITING  0                           0.9500\n");
}

TEST(TaskTableTest, OtherJobsKeepTheirOrder) {
  const v1::Job job = Parse(R"(
    tasks { index: 0 state: LEASED worker: "w1" attempts: 1
            progress { done: 3 total: 9 unit: "images" } }
    tasks { index: 1 state: DONE
            progress { metrics { name: "validation_auc" value: 0.9 } } })");
  EXPECT_FALSE(IsSweep(job));
  const Table table = TaskTable(job, 50);
  EXPECT_THAT(table.header,
              ElementsAre("task", "title", "state", "attempts", "worker",
                          "progress", "validation_auc", "last error"));
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_THAT(table.rows[0],
              ElementsAre("0", "", "LEASED", "1", "w1", "3/9 images", "", ""));
}

TEST(TaskTableTest, NoMoreRowsThanAskedForAndTheBestIsAmongThem) {
  const Table table = TaskTable(Parse(kSweep), 1);
  ASSERT_EQ(table.rows.size(), 1u);
  EXPECT_EQ(table.rows[0][1], "hidden=64");
}

}  // namespace
}  // namespace nevus
