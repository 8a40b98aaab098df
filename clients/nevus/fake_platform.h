// A whole server for tests of the CLI: jobs whose histories a test writes, and
// the calls that change something, remembered and answered simply.
#ifndef NEVUS_CLIENTS_NEVUS_FAKE_PLATFORM_H_
#define NEVUS_CLIENTS_NEVUS_FAKE_PLATFORM_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "clients/cpp/fake_job_service.h"
#include "clients/cpp/fake_server.h"
#include "protos/nevus/v1/backbone.grpc.pb.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"
#include "protos/nevus/v1/feature.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"

namespace nevus {

// Requests in the order in which they came. Thread-safe.
class Requests {
 public:
  void Note(const google::protobuf::Message& request);
  // The newest of this type. REQUIRES: there is one.
  template <typename Request>
  Request Last() const {
    Request request;
    request.ParseFromString(
        LastOf(std::string(Request::descriptor()->full_name())));
    return request;
  }
  size_t size() const;

 private:
  std::string LastOf(const std::string& type) const;

  mutable Mutex mutex_;
  // Type and bytes.
  std::vector<std::pair<std::string, std::string>> all_ ABSL_GUARDED_BY(mutex_);
};

// Submits nothing: the jobs it answers with are those that a test has put under
// the ids below. Thread-safe.
class FakePlatform {
 public:
  static constexpr char kExtractJob[] = "j-extract";
  static constexpr char kTrainJob[] = "j-train";
  static constexpr char kEvaluateJob[] = "j-evaluate";

  const std::string& address() const { return server_.address(); }
  FakeJobService& jobs() { return jobs_; }
  void Put(const v1::Backbone& backbone);
  // At `alias` too, unless it is "".
  void Put(const v1::Model& model, const std::string& alias);
  const Requests& requests() const { return requests_; }

 private:
  class Features final : public v1::FeatureService::Service {
   public:
    explicit Features(FakePlatform& platform) : platform_(platform) {}
    grpc::Status Extract(grpc::ServerContext* context,
                         const v1::ExtractRequest* request,
                         v1::Job* response) override;

   private:
    FakePlatform& platform_;
  };
  class Training final : public v1::TrainingService::Service {
   public:
    explicit Training(FakePlatform& platform) : platform_(platform) {}
    grpc::Status Train(grpc::ServerContext* context,
                       const v1::TrainRequest* request,
                       v1::Job* response) override;
    grpc::Status Evaluate(grpc::ServerContext* context,
                          const v1::EvaluateRequest* request,
                          v1::Job* response) override;
    grpc::Status RunPipeline(grpc::ServerContext* context,
                             const v1::RunPipelineRequest* request,
                             v1::RunPipelineResponse* response) override;

   private:
    FakePlatform& platform_;
  };
  // An evaluation's AUC is 0.75 and its report "<html>".
  class Models final : public v1::ModelService::Service {
   public:
    explicit Models(FakePlatform& platform) : platform_(platform) {}
    grpc::Status GetModel(grpc::ServerContext* context,
                          const v1::GetModelRequest* request,
                          v1::Model* response) override;
    grpc::Status PromoteModel(grpc::ServerContext* context,
                              const v1::PromoteModelRequest* request,
                              v1::Alias* response) override;
    grpc::Status RollbackAlias(grpc::ServerContext* context,
                               const v1::RollbackAliasRequest* request,
                               v1::Alias* response) override;
    grpc::Status GetEvaluation(grpc::ServerContext* context,
                               const v1::GetEvaluationRequest* request,
                               v1::Evaluation* response) override;
    grpc::Status ReadEvaluationReport(
        grpc::ServerContext* context, const v1::GetEvaluationRequest* request,
        grpc::ServerWriter<v1::ReadEvaluationReportResponse>* writer) override;

   private:
    FakePlatform& platform_;
  };
  class Datasets final : public v1::DatasetService::Service {
   public:
    explicit Datasets(FakePlatform& platform) : platform_(platform) {}
    grpc::Status SplitDataset(grpc::ServerContext* context,
                              const v1::SplitDatasetRequest* request,
                              v1::Dataset* response) override;
    grpc::Status SealDataset(grpc::ServerContext* context,
                             const v1::SealDatasetRequest* request,
                             v1::DatasetVersion* response) override;
    grpc::Status DeleteDataset(grpc::ServerContext* context,
                               const v1::DeleteDatasetRequest* request,
                               v1::DeleteDatasetResponse* response) override;

   private:
    FakePlatform& platform_;
  };
  class Backbones final : public v1::BackboneService::Service {
   public:
    explicit Backbones(FakePlatform& platform) : platform_(platform) {}
    grpc::Status ListBackbones(grpc::ServerContext* context,
                               const v1::ListBackbonesRequest* request,
                               v1::ListBackbonesResponse* response) override;
    // There is none.
    grpc::Status GetBackbone(grpc::ServerContext* context,
                             const v1::GetBackboneRequest* request,
                             v1::Backbone* response) override;
    grpc::Status ImportBackbone(
        grpc::ServerContext* context,
        grpc::ServerReader<v1::ImportBackboneRequest>* reader,
        v1::Backbone* response) override;
    grpc::Status DeleteBackbone(grpc::ServerContext* context,
                                const v1::DeleteBackboneRequest* request,
                                v1::DeleteBackboneResponse* response) override;

   private:
    FakePlatform& platform_;
  };

  // The job of that id.
  grpc::Status Answer(const char* id, v1::Job* response);

  Mutex mutex_;
  std::vector<v1::Backbone> listed_ ABSL_GUARDED_BY(mutex_);
  // By version and by alias: "m@1", "m@production".
  std::map<std::string, v1::Model> known_ ABSL_GUARDED_BY(mutex_);

  FakeJobService jobs_;
  Requests requests_;
  Features features_{*this};
  Training training_{*this};
  Models models_{*this};
  Datasets datasets_{*this};
  Backbones backbones_{*this};
  FakeServer server_{
      {&jobs_, &features_, &training_, &models_, &datasets_, &backbones_}};
};

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_FAKE_PLATFORM_H_
