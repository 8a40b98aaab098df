#include "services/testing/fake_platform.h"

#include <grpcpp/server_builder.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "compute/backbone/backbone.h"
#include "compute/image/preprocess.h"
#include "services/extraction/extraction_service.h"
#include "services/serving/serving_service.h"
#include "services/training/training_service.h"

namespace nevus {
namespace {

constexpr char kDatasetDigest[] = "the-digest-of-isic-1";

grpc::Status NotFound(const std::string& what) {
  return ToGrpc(absl::NotFoundError(absl::StrCat("no ", what, " here")));
}

}  // namespace

class FakePlatform::Ingestion final : public v1::DatasetService::Service {
 public:
  grpc::Status GetDatasetVersion(grpc::ServerContext*,
                                 const v1::GetDatasetVersionRequest* request,
                                 v1::DatasetVersion* response) override {
    if (request->dataset() != "isic" || request->version() != 1) {
      return NotFound("dataset version");
    }
    response->set_dataset("isic");
    response->set_version(1);
    response->set_digest(kDatasetDigest);
    response->set_synthetic(true);
    return grpc::Status::OK;
  }

  grpc::Status ReadExamples(
      grpc::ServerContext*, const v1::ReadExamplesRequest* request,
      grpc::ServerWriter<v1::ReadExamplesResponse>* writer) override {
    if (request->dataset() != "isic" || request->version() != 1) {
      return NotFound("dataset version");
    }
    MutexLock lock(mutex_);
    for (const auto& [id, example] : examples_) {
      const auto& splits = request->splits();
      if (!splits.empty() && std::find(splits.begin(), splits.end(),
                                       example.split()) == splits.end()) {
        continue;
      }
      v1::ReadExamplesResponse response;
      *response.add_examples() = example;
      writer->Write(response);
    }
    return grpc::Status::OK;
  }

  grpc::Status ReadImages(
      grpc::ServerContext*, const v1::ReadImagesRequest* request,
      grpc::ServerWriter<v1::ReadImagesResponse>* writer) override {
    MutexLock lock(mutex_);
    for (const std::string& digest : request->digests()) {
      const auto image = images_.find(digest);
      if (image == images_.end()) return NotFound("image " + digest);
      v1::ReadImagesResponse response;
      response.set_digest(digest);
      response.set_image(image->second);
      writer->Write(response);
    }
    return grpc::Status::OK;
  }

  void Add(const v1::Example& example, const std::string& image) {
    MutexLock lock(mutex_);
    examples_[example.id()] = example;
    images_[example.image_digest()] = image;
  }

  void Replace(const std::string& digest, const std::string& image) {
    MutexLock lock(mutex_);
    images_[digest] = image;
  }

 private:
  Mutex mutex_;
  std::map<std::string, v1::Example> examples_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> images_ ABSL_GUARDED_BY(mutex_);
};

class FakePlatform::Backbones final : public v1::BackboneService::Service {
 public:
  grpc::Status GetBackbone(grpc::ServerContext*,
                           const v1::GetBackboneRequest* request,
                           v1::Backbone* response) override {
    MutexLock lock(mutex_);
    for (const auto& [name, stored] : backbones_) {
      if (name == request->name() ||
          stored.backbone.digest() == request->name()) {
        *response = stored.backbone;
        return grpc::Status::OK;
      }
    }
    return NotFound("backbone");
  }

  grpc::Status ListBackbones(grpc::ServerContext*,
                             const v1::ListBackbonesRequest*,
                             v1::ListBackbonesResponse* response) override {
    MutexLock lock(mutex_);
    for (const auto& [name, stored] : backbones_) {
      *response->add_backbones() = stored.backbone;
    }
    return grpc::Status::OK;
  }

  grpc::Status ReadBackboneWeights(
      grpc::ServerContext*, const v1::ReadBackboneWeightsRequest* request,
      grpc::ServerWriter<v1::ReadBackboneWeightsResponse>* writer) override {
    MutexLock lock(mutex_);
    for (const auto& [name, stored] : backbones_) {
      if (stored.backbone.digest() != request->name()) continue;
      for (size_t i = 0; i < stored.weights.size(); i += kChunkBytes) {
        v1::ReadBackboneWeightsResponse response;
        response.set_chunk(stored.weights.substr(i, kChunkBytes));
        writer->Write(response);
      }
      return grpc::Status::OK;
    }
    return NotFound("backbone");
  }

  void Add(const v1::Backbone& backbone, const std::string& weights) {
    MutexLock lock(mutex_);
    backbones_[backbone.name()] = {backbone, weights};
  }

  void Change(const std::string& name,
              const std::function<void(v1::Backbone&)>& change) {
    MutexLock lock(mutex_);
    change(backbones_.at(name).backbone);
  }

 private:
  struct Stored {
    v1::Backbone backbone;
    std::string weights;
  };
  Mutex mutex_;
  std::map<std::string, Stored> backbones_ ABSL_GUARDED_BY(mutex_);
};

class FakePlatform::Scheduler final : public v1::JobService::Service {
 public:
  grpc::Status SubmitJob(grpc::ServerContext*,
                         const v1::SubmitJobRequest* request,
                         v1::Job* response) override {
    MutexLock lock(mutex_);
    for (const v1::Job& job : jobs_) {
      if (!job.request_id().empty() &&
          job.request_id() == request->job().request_id()) {
        *response = job;
        return grpc::Status::OK;
      }
    }
    if (submits_left_ == 0) return ToGrpc(absl::UnavailableError("it drains"));
    if (submits_left_ > 0) --submits_left_;
    v1::Job job = request->job();
    job.set_id(absl::StrCat("j-", jobs_.size() + 1));
    job.set_state(job.tasks().empty() ? v1::SUCCEEDED : v1::PENDING);
    for (int i = 0; i < job.tasks_size(); ++i) {
      job.mutable_tasks(i)->set_index(i);
    }
    jobs_.push_back(job);
    *response = job;
    return grpc::Status::OK;
  }

  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest* request,
                      v1::Job* response) override {
    MutexLock lock(mutex_);
    for (const v1::Job& job : jobs_) {
      if (request->request_id().empty()
              ? job.id() == request->id()
              : job.request_id() == request->request_id()) {
        *response = job;
        return grpc::Status::OK;
      }
    }
    return NotFound("job");
  }

  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest*,
                        v1::ListJobsResponse* response) override {
    MutexLock lock(mutex_);
    for (const v1::Job& job : jobs_) {
      v1::Job& listed = *response->add_jobs();
      listed = job;
      listed.clear_tasks();
    }
    return grpc::Status::OK;
  }

  void FailAfterSubmits(int count) {
    MutexLock lock(mutex_);
    submits_left_ = count;
  }

  void End(const std::string& id, v1::JobState state,
           const std::string& result) {
    MutexLock lock(mutex_);
    for (v1::Job& job : jobs_) {
      if (job.id() != id) continue;
      job.set_state(state);
      job.set_result(result);
    }
  }

  std::vector<v1::Job> jobs() {
    MutexLock lock(mutex_);
    return jobs_;
  }

 private:
  Mutex mutex_;
  int submits_left_ ABSL_GUARDED_BY(mutex_) = -1;  // below 0: any number
  std::vector<v1::Job> jobs_ ABSL_GUARDED_BY(mutex_);
};

FakeTaskContext::FakeTaskContext(const std::string& job, int64_t fencing_token,
                                 int task) {
  lease_.set_job(job);
  lease_.set_task(task);
  lease_.set_fencing_token(fencing_token);
}

bool FakeTaskContext::cancelled() const {
  MutexLock lock(mutex_);
  if (++asks_ >= cancel_at_ask_ && cancel_at_ask_ >= 0) return true;
  return cancel_at_ >= 0 && !reports_.empty() &&
         reports_.back().done() >= cancel_at_;
}

void FakeTaskContext::Report(const v1::Progress& progress) {
  MutexLock lock(mutex_);
  reports_.push_back(progress);
}

void FakeTaskContext::CancelAtDone(int64_t done) {
  MutexLock lock(mutex_);
  cancel_at_ = done;
}

void FakeTaskContext::CancelAtAsk(int count) {
  MutexLock lock(mutex_);
  cancel_at_ask_ = count;
}

void FakeTaskContext::Log(std::string_view line) {
  MutexLock lock(mutex_);
  log_.emplace_back(line);
}

std::vector<std::string> FakeTaskContext::log() const {
  MutexLock lock(mutex_);
  return log_;
}

std::vector<v1::Progress> FakeTaskContext::reports() const {
  MutexLock lock(mutex_);
  return reports_;
}

FakePlatform::FakePlatform(const ServiceContext& options)
    : clock_(absl::FromUnixSeconds(1'790'000'000)),
      ingestion_(std::make_unique<Ingestion>()),
      backbones_(std::make_unique<Backbones>()),
      models_(std::make_unique<FakeModels>()),
      scheduler_(std::make_unique<Scheduler>()),
      peers_(std::make_unique<Peers>(ServiceAddresses())) {
  ServiceContext context = options;
  context.data_dir = dir_.path();
  context.peers = peers_.get();
  context.clock = &clock_;
  hosted_.push_back(NewExtractionService(context).value());
  hosted_.push_back(NewTrainingService(context).value());
  hosted_.push_back(NewServingService(context).value());
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.RegisterService(ingestion_.get());
  builder.RegisterService(backbones_.get());
  builder.RegisterService(models_.get());
  builder.RegisterService(scheduler_.get());
  for (const auto& service : hosted_) {
    for (grpc::Service* one : service->grpc_services()) {
      builder.RegisterService(one);
    }
  }
  server_ = builder.BuildAndStart();
  peers_->Host(ServiceNames(), *server_);
  for (const auto& service : hosted_) service->Start();
}

FakePlatform::~FakePlatform() {
  if (!stopped_) StopServices();
  server_->Shutdown();
}

void FakePlatform::StopServices() {
  for (const auto& service : hosted_) service->Stop();
  stopped_ = true;
}

std::string FakePlatform::AddExample(const std::string& id, v1::Split split,
                                     const std::string& label,
                                     const std::string& image) {
  v1::Example example;
  example.set_id(id);
  example.set_split(split);
  example.set_label(label);
  example.set_image_digest(Sha256Hex(image));
  ingestion_->Add(example, image);
  return example.image_digest();
}

void FakePlatform::ReplaceImage(const std::string& digest,
                                const std::string& image) {
  ingestion_->Replace(digest, image);
}

v1::Backbone FakePlatform::AddBackbone(v1::Backbone backbone,
                                       const std::string& weights) {
  BackboneSource source;
  source.arch = backbone.arch();
  source.weights = weights;
  if (weights.empty()) source.random_seed = backbone.random_seed();
  source.input_size = backbone.input_size();
  const std::unique_ptr<Backbone> loaded = Backbone::Load(source).value();
  const BackboneInfo& info = loaded->info();
  backbone.set_digest(info.digest);
  backbone.set_normalization(NormalizationName(info.normalization));
  backbone.set_weights_kind(info.weights_kind);
  backbone.set_default_cut(info.default_cut);
  if (!weights.empty()) backbone.set_weights_sha256(Sha256Hex(weights));
  for (const Cut& cut : info.cuts) {
    v1::Cut& added = *backbone.add_cuts();
    added.set_name(cut.name);
    added.set_channels(cut.channels);
    added.set_height(cut.height);
    added.set_width(cut.width);
  }
  backbones_->Add(backbone, weights);
  return backbone;
}

v1::Backbone FakePlatform::AddVgg16(const std::string& name, uint64_t seed,
                                    int input_size) {
  v1::Backbone backbone;
  backbone.set_name(name);
  backbone.set_arch("vgg16");
  backbone.set_random_seed(seed);
  backbone.set_input_size(input_size);
  return AddBackbone(backbone, "");
}

v1::Backbone FakePlatform::AddTorchScript(const std::string& name,
                                          const std::string& weights,
                                          int input_size) {
  v1::Backbone backbone;
  backbone.set_name(name);
  backbone.set_arch("torchscript");
  backbone.set_input_size(input_size);
  return AddBackbone(backbone, weights);
}

void FakePlatform::ChangeBackbone(
    const std::string& name, const std::function<void(v1::Backbone&)>& change) {
  backbones_->Change(name, change);
}

void FakePlatform::ChangeModel(int64_t version,
                               const std::function<void(v1::Model&)>& change) {
  models_->Change(version, change);
}

void FakePlatform::SetAlias(const std::string& model, const std::string& alias,
                            int64_t version) {
  v1::Alias moved;
  moved.set_model(model);
  moved.set_alias(alias);
  moved.set_version(version);
  models_->SetAlias(moved);
}

absl::StatusOr<std::string> FakePlatform::RunJob(const v1::Job& job,
                                                 TaskHandler& handler) {
  std::string result = job.result();
  for (const v1::Task& task : job.tasks()) {
    FakeTaskContext context(job.id(), /*fencing_token=*/1, task.index());
    ASSIGN_OR_RETURN(result, handler.Run(task.spec(), context));
  }
  EndJob(job.id(), v1::SUCCEEDED, result);
  return result;
}

void FakePlatform::EndJob(const std::string& job, v1::JobState state,
                          const std::string& result) {
  scheduler_->End(job, state, result);
}
void FakePlatform::FailAfterSubmits(int count) {
  scheduler_->FailAfterSubmits(count);
}
std::vector<v1::Job> FakePlatform::jobs() const { return scheduler_->jobs(); }

std::vector<v1::Evaluation> FakePlatform::evaluations() const {
  return models_->evaluations();
}
std::vector<std::string> FakePlatform::reports() const {
  return models_->reports();
}

std::unique_ptr<v1::FeatureService::Stub> FakePlatform::features() const {
  return v1::FeatureService::NewStub(peers_->ChannelTo("extraction"));
}
std::unique_ptr<v1::TrainingService::Stub> FakePlatform::training() const {
  return v1::TrainingService::NewStub(peers_->ChannelTo("training"));
}
std::unique_ptr<v1::ModelService::Stub> FakePlatform::models() const {
  return v1::ModelService::NewStub(peers_->ChannelTo("registry"));
}
std::unique_ptr<v1::PredictionService::Stub> FakePlatform::prediction() const {
  return v1::PredictionService::NewStub(peers_->ChannelTo("serving"));
}

}  // namespace nevus
