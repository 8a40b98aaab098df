// nevusd --isolate_workers: a worker that is killed takes no service along, its
// job says at once what killed it, and another worker finishes.
#include <signal.h>

#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/chaos/extraction_scene.h"
#include "tests/harness/cluster.h"

namespace nevus {
namespace {

using testing::HasSubstr;

// The process that the log says was started for this worker; 0 if it does not.
pid_t PidOf(const std::string& worker, const std::string& log) {
  const std::string line =
      absl::StrCat("worker.process_started worker=", worker, " pid=");
  const size_t begin = log.find(line);
  if (begin == std::string::npos) return 0;
  const size_t number = begin + line.size();
  pid_t pid = 0;
  return absl::SimpleAtoi(log.substr(number, log.find('\n', number) - number),
                          &pid)
             ? pid
             : 0;
}

TEST(IsolatedWorkerTest, AJobOutlivesItsWorkerAndSaysWhatKilledIt) {
  const auto cluster =
      Cluster::Start(Topology::kOneProcess, "", {"--isolate_workers"});
  ASSERT_THAT(cluster, IsOk());
  ExtractionScene scene(**cluster);
  const std::string job = scene.Extract("").id();
  const std::string first = scene.AwaitTheMiddle(job).tasks(0).worker();
  const pid_t pid = PidOf(first, (*cluster)->LogOf("all"));
  ASSERT_GT(pid, 0) << (*cluster)->Logs();
  ASSERT_EQ(kill(pid, SIGKILL), 0);

  const v1::Job done = scene.AwaitEnd(job);
  EXPECT_EQ(done.state(), v1::SUCCEEDED) << done.ShortDebugString();
  EXPECT_EQ(done.tasks(0).attempts(), 2);
  EXPECT_NE(done.tasks(0).worker(), first);
  EXPECT_TRUE(scene.Missing(done.result()).empty());
  EXPECT_EQ(scene.Space(done.result()).features(), ExtractionScene::kImages);

  // The history names the signal for that attempt.
  v1::WatchJobRequest watch;
  watch.set_id(job);
  watch.set_past_only(true);
  v1::TaskError death;
  std::string mourned;
  EXPECT_THAT(scene.client().Read(
                  &v1::JobService::Stub::WatchJob, watch,
                  [&](const v1::WatchJobResponse& response) {
                    const v1::TaskStateEvent& task = response.event().task();
                    if (task.error().reason() == "WORKER_DIED") {
                      death = task.error();
                      mourned = task.worker();
                    }
                    return absl::OkStatus();
                  }),
              IsOk());
  EXPECT_THAT(death.message(), HasSubstr("SIGKILL"));
  EXPECT_EQ(mourned, first);

  // The parent ends its children and itself when it is told to.
  EXPECT_THAT((*cluster)->Stop(), IsOk());
}

}  // namespace
}  // namespace nevus
