#include "clients/cpp/client.h"

#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "clients/cpp/fake_dataset_service.h"
#include "clients/cpp/fake_server.h"
#include "clients/cpp/files.h"
#include "clients/cpp/upload.h"
#include "clients/cpp/wait.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/job.grpc.pb.h"

namespace nevus {
namespace {

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() : client_(*Client::Create(server_.address())) {}

  ExampleFile File(const std::string& id, const std::string& bytes) {
    EXPECT_THAT(WriteFile(dir_.File(id), bytes), IsOk());
    ExampleFile file;
    file.example.set_id(id);
    file.example.set_label("x");
    file.path = dir_.File(id);
    return file;
  }

  TempDir dir_;
  FakeDatasetServer server_;
  std::unique_ptr<Client> client_;
};

TEST_F(ClientTest, AnImportSendsWholeFilesAndCountsTheAnswers) {
  // Below, at and above a chunk of 1 MiB.
  std::vector<ExampleFile> files = {
      File("empty", ""), File("one", "1"),
      File("chunk", std::string(1 << 20, 'c')),
      File("more", std::string((5 << 19) + 1, 'm')), File("b", "bad")};
  files.push_back({files[0].example, dir_.File("absent")});
  files.back().example.set_id("absent");
  int64_t answered = 0;
  const auto first =
      ImportExamples(*client_, "d", files, [&](int64_t now, int64_t all) {
        EXPECT_EQ(all, 6);
        answered = now;
      });
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->taken, 4);
  EXPECT_EQ(answered, 6);
  ASSERT_EQ(first->refused.size(), 2u);
  std::vector<std::string> reasons = {first->refused[0].reason(),
                                      first->refused[1].reason()};
  EXPECT_THAT(reasons,
              ::testing::UnorderedElementsAre("IMAGE_BAD", "FILE_UNREADABLE"));
  const auto again = ImportExamples(*client_, "d", files, nullptr);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->taken, 0);
  EXPECT_EQ(again->already_there, 4);
}

TEST_F(ClientTest, AnErrorKeepsCodeAndReason) {
  v1::GetDatasetRequest request;
  request.set_name("x");
  const auto dataset =
      client_->Call(&v1::DatasetService::Stub::GetDataset, request);
  EXPECT_THAT(dataset, StatusIs(absl::StatusCode::kNotFound, "no dataset x"));
  EXPECT_EQ(ReasonOf(dataset.status()), "DATASET_UNKNOWN");
}

TEST_F(ClientTest, AServerThatDoesNotKnowTheCallIsCalledOld) {
  const auto answer = client_->Call(&v1::DatasetService::Stub::ListDatasets,
                                    v1::ListDatasetsRequest());
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnimplemented,
                               "older than this client"));
}

TEST(ClientAddressTest, AServerThatIsNotThereIsNamed) {
  ClientOptions options;
  options.connect_timeout = absl::Milliseconds(50);
  // Port 1 is reserved and refuses.
  const auto client = Client::Create("127.0.0.1:1", options);
  ASSERT_THAT(client, IsOk());
  const auto jobs =
      (*client)->Call(&v1::JobService::Stub::ListJobs, v1::ListJobsRequest());
  EXPECT_THAT(jobs, StatusIs(absl::StatusCode::kUnavailable, "127.0.0.1:1"));
  EXPECT_THAT(jobs, StatusIs(absl::StatusCode::kUnavailable, "nevusd --data"));
  EXPECT_EQ(ReasonOf(jobs.status()), "SERVER_UNREACHABLE");
  EXPECT_THAT(Client::Create("nonsense=h:1"),
              StatusIs(absl::StatusCode::kInvalidArgument, "unknown service"));
}

// What gRPC answers to a call that comes as a server closes.
class ClosingJobs final : public v1::JobService::Service {
 public:
  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest*,
                        v1::ListJobsResponse*) override {
    return grpc::Status::CANCELLED;
  }
};

TEST(ClientAddressTest, AServerThatClosesIsUnreachable) {
  ClosingJobs jobs;
  const FakeServer server({&jobs});
  const auto client = Client::Create(server.address());
  ASSERT_THAT(client, IsOk());
  const absl::Status status =
      (*client)
          ->Call(&v1::JobService::Stub::ListJobs, v1::ListJobsRequest())
          .status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, ""));
  EXPECT_EQ(ReasonOf(status), "SERVER_UNREACHABLE");
}

TEST(JobErrorTest, EachEndHasItsStatus) {
  v1::Job job;
  job.set_id("j-1");
  job.set_state(v1::SUCCEEDED);
  EXPECT_THAT(JobError(job), IsOk());
  job.set_state(v1::CANCELLED);
  EXPECT_EQ(ReasonOf(JobError(job)), "JOB_CANCELLED");
  job.set_state(v1::FAILED);
  EXPECT_EQ(ReasonOf(JobError(job)), "JOB_FAILED");
  job.mutable_error()->set_code(5);
  job.mutable_error()->set_reason("FEATURES_MISSING");
  job.mutable_error()->set_message("extract first");
  EXPECT_THAT(JobError(job),
              StatusIs(absl::StatusCode::kNotFound, "extract first"));
  EXPECT_EQ(ReasonOf(JobError(job)), "FEATURES_MISSING");
}

}  // namespace
}  // namespace nevus
