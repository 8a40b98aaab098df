#include "clients/cpp/wait.h"

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "clients/cpp/fake_job_service.h"
#include "clients/cpp/fake_server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

class WaitTest : public ::testing::Test {
 protected:
  WaitTest() {
    job_.set_id("j-1");
    job_.set_state(v1::RUNNING);
    jobs_.Put(job_);
  }
  void Tell(int count) {
    for (int i = 0; i < count; ++i) {
      v1::JobEvent event;
      event.mutable_log()->set_line("x");
      jobs_.Tell("j-1", event);
    }
  }
  void End(v1::JobState state) {
    job_.set_state(state);
    jobs_.Put(job_);
  }
  // Watches; `at` is called when the event of that number has come.
  absl::StatusOr<v1::Job> Watch(const WatchOptions& options = {}) {
    return WatchJob(*client_, "j-1", options,
                    [this](const v1::WatchJobResponse& news) {
                      if (news.has_job()) {
                        if (on_job_ && numbers_.size() == 5) {
                          std::exchange(on_job_, nullptr)();
                        }
                        return;
                      }
                      const int64_t number = news.event().number();
                      numbers_.push_back(number);
                      if (at_.count(number) == 0) return;
                      // Once: after a restore the number comes again.
                      const std::function<void()> act = at_[number];
                      at_.erase(number);
                      act();
                    });
  }

  v1::Job job_;
  FakeJobService jobs_;
  FakeServer server_{{&jobs_}};
  std::unique_ptr<Client> client_ = *Client::Create(server_.address());
  std::map<int64_t, std::function<void()>> at_;
  std::function<void()> on_job_;  // at the next snapshot after event 5
  std::vector<int64_t> numbers_;
};

TEST_F(WaitTest, EventsComeOnceInOrderWhateverBreaksTheStream) {
  Tell(6);
  End(v1::SUCCEEDED);
  // A break before anything, after the snapshot, in the midst, by our server
  // and by gRPC itself.
  jobs_.Cut({{3, grpc::StatusCode::UNAVAILABLE},
             {0, grpc::StatusCode::UNAVAILABLE},
             {1, grpc::StatusCode::CANCELLED},
             {2, grpc::StatusCode::UNKNOWN},
             {3, grpc::StatusCode::OK}});
  const auto job = Watch();
  ASSERT_THAT(job, IsOk());
  EXPECT_EQ(job->state(), v1::SUCCEEDED);
  EXPECT_THAT(numbers_, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(jobs_.watches(), ElementsAre(0, 2, 2, 2, 3, 5));
}

TEST_F(WaitTest, EventsGoOnAfterARestartOfTheServer) {
  Tell(3);
  at_[3] = [this] {
    server_.Restart();
    Tell(2);
    End(v1::FAILED);
  };
  const auto job = Watch();
  ASSERT_THAT(job, IsOk());
  EXPECT_EQ(job->state(), v1::FAILED);
  EXPECT_THAT(numbers_, ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(WaitTest, AServerRestoredFromABackupTellsOnFromThere) {
  Tell(5);
  at_[5] = [this] {
    jobs_.Forget("j-1", 3);
    server_.Restart();
    on_job_ = [this] {
      Tell(2);
      End(v1::SUCCEEDED);
    };
  };
  ASSERT_THAT(Watch(), IsOk());
  // Its fourth event is not the one that was told before.
  EXPECT_THAT(numbers_, ElementsAre(1, 2, 3, 4, 5, 4, 5));
  EXPECT_THAT(jobs_.watches(), ElementsAre(0, 5, 3));
}

TEST_F(WaitTest, AWatcherMayBeginBehindAnEvent) {
  Tell(5);
  End(v1::CANCELLED);
  WatchOptions options;
  options.after_event = 3;
  const auto job = Watch(options);
  ASSERT_THAT(job, IsOk());
  EXPECT_EQ(ReasonOf(JobError(*job)), "JOB_CANCELLED");
  EXPECT_THAT(numbers_, ElementsAre(4, 5));
}

TEST_F(WaitTest, ThePastAloneEndsBeforeTheJob) {
  Tell(4);
  jobs_.Cut({{3}});
  WatchOptions options;
  options.past_only = true;
  const auto job = Watch(options);
  ASSERT_THAT(job, IsOk());
  EXPECT_EQ(job->state(), v1::RUNNING);
  EXPECT_THAT(numbers_, ElementsAre(1, 2, 3, 4));
}

TEST_F(WaitTest, AJobThatIsNotThereIsAnErrorAtOnce) {
  EXPECT_THAT(WaitForJob(*client_, "j-2", nullptr),
              StatusIs(absl::StatusCode::kNotFound, "j-2"));
  EXPECT_EQ(jobs_.watches().size(), 1u);
}

TEST_F(WaitTest, AServerThatStaysAwayIsGivenUp) {
  ClientOptions options;
  options.reconnect_timeout = absl::ZeroDuration();
  client_ = *Client::Create(server_.address(), options);
  jobs_.Cut({{1}, {0}, {0}, {0}});
  EXPECT_THAT(WaitForJob(*client_, "j-1", nullptr),
              StatusIs(absl::StatusCode::kUnavailable, "nevus job watch j-1"));
}

}  // namespace
}  // namespace nevus
