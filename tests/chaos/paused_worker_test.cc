// A worker that is stopped past its lease and then goes on, as after a hang of
// its machine: another one has done its task, and nothing it still has in its
// hands may count.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/chaos/extraction_scene.h"
#include "tests/harness/cluster.h"

namespace nevus {
namespace {

using testing::Each;
using testing::IsEmpty;
using testing::SizeIs;

TEST(PausedWorkerTest, WhatItWritesAfterItsLeaseIsRefusedAndItGoesOn) {
  const auto cluster = Cluster::Start(Topology::kManyProcesses);
  ASSERT_THAT(cluster, IsOk());
  ExtractionScene scene(**cluster);
  const std::string job = scene.Extract("").id();
  const std::string space = scene.AwaitTheMiddle(job).result();
  ASSERT_THAT((*cluster)->Pause("worker-extraction"), IsOk());

  // What the first worker holds, and still believes to hold.
  const v1::Job stopped = scene.Get(job);
  ASSERT_EQ(stopped.tasks(0).state(), v1::LEASED);
  const std::string first = stopped.tasks(0).worker();
  const int64_t stale_token = stopped.tasks(0).fencing_token();
  ASSERT_THAT(scene.Missing(space), testing::Not(IsEmpty()))
      << "it was stopped too late: the task was all but done";

  // Another one takes over and finishes.
  ASSERT_THAT((*cluster)->AddWorker("worker-extraction-2", "extraction"),
              IsOk());
  const v1::Job done = scene.AwaitEnd(job);
  EXPECT_EQ(done.state(), v1::SUCCEEDED) << done.ShortDebugString();
  EXPECT_EQ(done.tasks(0).attempts(), 2);
  EXPECT_NE(done.tasks(0).worker(), first);
  EXPECT_GT(done.tasks(0).fencing_token(), stale_token);

  // The first goes on where it was. It hears that the lease is lost and says
  // so, once.
  ASSERT_THAT((*cluster)->Continue("worker-extraction"), IsOk());
  const std::string lost =
      absl::StrCat("task.lease_lost job=", job, " task=0 token=", stale_token,
                   " worker=", first);
  EXPECT_TRUE(Eventually([&] {
    return absl::StrContains((*cluster)->LogOf("worker-extraction"), lost);
  })) << (*cluster)->Logs();

  // It may have noticed before it wrote. A write that does come under its lease
  // is refused by the store, and changes nothing.
  v1::WriteFeaturesRequest write;
  *write.mutable_space() = scene.Space(space);
  write.mutable_space()->clear_features();
  write.mutable_space()->clear_create_time();
  write.mutable_lease()->set_job(job);
  write.mutable_lease()->set_task(0);
  write.mutable_lease()->set_fencing_token(stale_token);
  v1::Feature& feature = *write.add_features();
  feature.set_image_digest(scene.images()[0]);
  feature.mutable_values()->Resize(write.space().dimension(), 42.0f);
  const absl::Status refused =
      scene.client()
          .Call(&v1::FeatureService::Stub::WriteFeatures, write)
          .status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kAborted, "stale"));
  EXPECT_EQ(ReasonOf(refused), "FENCING_TOKEN_STALE");
  EXPECT_THAT(scene.Read(space, scene.images()[0]),
              testing::AllOf(SizeIs(write.space().dimension()),
                             testing::Not(Each(42.0f))));

  // Every image has its feature, and none has two.
  EXPECT_THAT(scene.Missing(space), IsEmpty());
  EXPECT_EQ(scene.Space(space).features(), ExtractionScene::kImages);
  EXPECT_EQ(scene.Get(job).state(), v1::SUCCEEDED);

  // And it takes new work.
  ASSERT_THAT((*cluster)->Kill("worker-extraction-2"), IsOk());
  const v1::Job next = scene.AwaitEnd(scene.Extract("block1_pool").id());
  EXPECT_EQ(next.state(), v1::SUCCEEDED) << next.ShortDebugString();
  EXPECT_EQ(next.tasks(0).worker(), first);
  EXPECT_THAT(scene.Missing(next.result()), IsEmpty());
}

}  // namespace
}  // namespace nevus
