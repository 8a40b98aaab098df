// The peers of extraction, training and serving as small fakes in memory, and
// the three real services beside them, on one in-process server: calls travel
// over real channels. Knows one dataset, "isic", whose version 1 is what a test
// adds; jobs are recorded, and run when the test says so.
#ifndef NEVUS_SERVICES_TESTING_FAKE_PLATFORM_H_
#define NEVUS_SERVICES_TESTING_FAKE_PLATFORM_H_

#include <grpcpp/server.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/temp_dir.h"
#include "protos/nevus/v1/backbone.grpc.pb.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"
#include "protos/nevus/v1/feature.grpc.pb.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "protos/nevus/v1/prediction.grpc.pb.h"
#include "services/runtime/hosted_service.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peers.h"
#include "services/testing/fake_models.h"
#include "services/worker/task_handler.h"

namespace nevus {

// An attempt that a test runs by itself. Thread-safe.
class FakeTaskContext : public TaskContext {
 public:
  explicit FakeTaskContext(const std::string& job, int64_t fencing_token = 1,
                           int task = 0);

  const v1::Lease& lease() const override { return lease_; }
  bool cancelled() const override;
  PeerCalls& calls() override { return calls_; }
  void Report(const v1::Progress& progress) override;
  void Log(std::string_view line) override;

  // cancelled() becomes true when this much is done.
  void CancelAtDone(int64_t done);
  // cancelled() is true from its `count`th call on.
  void CancelAtAsk(int count);
  std::vector<v1::Progress> reports() const;
  std::vector<std::string> log() const;

 private:
  v1::Lease lease_;
  PeerCalls calls_;
  mutable Mutex mutex_;
  int64_t cancel_at_ ABSL_GUARDED_BY(mutex_) = -1;
  int cancel_at_ask_ ABSL_GUARDED_BY(mutex_) = -1;
  mutable int asks_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::Progress> reports_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> log_ ABSL_GUARDED_BY(mutex_);
};

class FakePlatform {
 public:
  // Of `options` what no fake stands for is taken: limits, what is kept.
  explicit FakePlatform(const ServiceContext& options = ServiceContext());
  ~FakePlatform();

  // Adds a row of isic@1; REQUIRES: before the row is used. Returns its digest.
  std::string AddExample(const std::string& id, v1::Split split,
                         const std::string& label, const std::string& image);
  // What ingestion hands out for a digest from now on.
  void ReplaceImage(const std::string& digest, const std::string& image);
  // A VGG16 with weights from `seed`, under its name.
  v1::Backbone AddVgg16(const std::string& name, uint64_t seed, int input_size);
  // A TorchScript network from the bytes of its file.
  v1::Backbone AddTorchScript(const std::string& name,
                              const std::string& weights, int input_size);
  void ChangeBackbone(const std::string& name,
                      const std::function<void(v1::Backbone&)>& change);
  void ChangeModel(int64_t version,
                   const std::function<void(v1::Model&)>& change);
  void SetAlias(const std::string& model, const std::string& alias,
                int64_t version);

  // Runs every task of a job; the first error ends it, and otherwise it has
  // succeeded with the last task's result.
  absl::StatusOr<std::string> RunJob(const v1::Job& job, TaskHandler& handler);
  void EndJob(const std::string& job, v1::JobState state,
              const std::string& result);
  // The scheduler takes `count` more jobs, then none; below 0: any number.
  void FailAfterSubmits(int count);
  std::vector<v1::Job> jobs() const;
  // What the registry says to a checkpoint written from now on; DATA_LOSS to
  // one read too.
  void FailCheckpoints(const absl::Status& error);
  size_t checkpoints() const;

  // The services stop as when a process drains, while the server still takes
  // calls.
  void StopServices();

  const Peers& peers() const { return *peers_; }
  // Hosts all of them, for a test that puts a fake of its own before one.
  grpc::Server& server() { return *server_; }
  FakeModels& registry() { return *models_; }
  FakeClock& clock() { return clock_; }
  std::vector<v1::Evaluation> evaluations() const;
  std::vector<std::string> reports() const;

  std::unique_ptr<v1::FeatureService::Stub> features() const;
  std::unique_ptr<v1::TrainingService::Stub> training() const;
  std::unique_ptr<v1::ModelService::Stub> models() const;
  std::unique_ptr<v1::PredictionService::Stub> prediction() const;

 private:
  class Ingestion;
  class Backbones;
  class Scheduler;

  v1::Backbone AddBackbone(v1::Backbone backbone, const std::string& weights);

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Ingestion> ingestion_;
  std::unique_ptr<Backbones> backbones_;
  std::unique_ptr<FakeModels> models_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<Peers> peers_;
  std::vector<std::unique_ptr<HostedService>> hosted_;
  std::unique_ptr<grpc::Server> server_;
  bool stopped_ = false;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_TESTING_FAKE_PLATFORM_H_
