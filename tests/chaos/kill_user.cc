#include "tests/chaos/kill_user.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "clients/synthetic/synthetic.h"

namespace nevus::chaos {
namespace {

constexpr int kPixels = 32;
constexpr char kAlias[] = "production";

// Image number `index`: both classes stand in both splits from the first
// fifteen on (two of five are melanomas, and 3 and 5 have no common divisor).
NewImage MakeImage(uint64_t seed, int index) {
  SyntheticImage made = Generate(seed, index, kPixels);
  NewImage image;
  image.example.set_id(made.name);
  image.example.set_label(made.label);
  image.example.set_split(index % 3 == 2 ? v1::VALIDATION : v1::TRAIN);
  // Two images a group, as of one patient; never in two splits.
  image.example.set_group(absl::StrCat("patient-", index % 3, "-", index / 6));
  (*image.example.mutable_attributes())["synthetic"] = "true";
  (*image.example.mutable_attributes())["index"] = absl::StrCat(index);
  image.bytes = std::move(made.jpeg);
  return image;
}

}  // namespace

User::User(Client& client, Ledger& ledger, const Patience& patience,
           const std::string& name, uint64_t seed)
    : client_(client),
      ledger_(ledger),
      patience_(patience),
      name_(name),
      seed_(seed),
      random_(seed) {}

int User::Below(int n) {
  return static_cast<int>(random_() % static_cast<uint64_t>(n));
}

std::string User::NextRequestId() {
  return absl::StrCat("chaos-", name_, "-", ++requests_);
}

int User::Tries() { return OneIn(3) ? 1 : 0; }

void User::Failed(const std::string& what, const absl::Status& status,
                  int tries) {
  if (IsTransient(status) && tries > 0) return;
  ledger_.Finding(absl::StrCat(
      what, IsTransient(status) ? " was never answered: " : " was refused: ",
      status.ToString()));
}

bool User::Import(int count, bool may_give_up) {
  std::vector<NewImage> images;
  for (int i = 0; i < count; ++i) images.push_back(MakeImage(seed_, images_++));
  for (const NewImage& image : images) {
    ledger_.ImportBegins(name_, image.example);
  }
  std::set<std::string> settled;
  const auto import = [&]() -> absl::StatusOr<bool> {
    std::vector<const NewImage*> rest;
    for (const NewImage& image : images) {
      if (settled.count(image.example.id()) == 0) rest.push_back(&image);
    }
    RETURN_IF_ERROR(
        ImportOnce(client_, name_, rest, [&](const v1::ImportOutcome& outcome) {
          if (outcome.result() == v1::ImportOutcome::REFUSED) {
            ledger_.Finding(absl::StrCat(
                "example ", outcome.id(), " of ", name_,
                " was refused: ", outcome.reason(), " ", outcome.message()));
            return;
          }
          settled.insert(outcome.id());
          ledger_.ImportSettled(name_, outcome.id(), outcome.image_digest());
        }));
    return true;
  };
  const int tries = may_give_up ? Tries() : 0;
  const absl::StatusOr<bool> done = patience_.Insist(tries, import);
  if (!done.ok()) Failed("an import into " + name_, done.status(), tries);
  return done.ok() && settled.size() == images.size();
}

std::optional<v1::DatasetVersion> User::Seal() {
  v1::SealDatasetRequest request;
  request.set_name(name_);
  request.set_request_id(NextRequestId());
  const int tries = Tries();
  ledger_.SealBegins(name_);
  const auto seal = [&] {
    return client_.Call(&v1::DatasetService::Stub::SealDataset, request);
  };
  const absl::StatusOr<v1::DatasetVersion> version =
      patience_.Insist(tries, seal);
  if (!version.ok()) {
    Failed("sealing " + name_, version.status(), tries);
    return std::nullopt;
  }
  ledger_.SealSettled(*version);
  return *version;
}

template <typename Stub, typename Request>
std::optional<Submitted> User::Submit(
    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                 v1::Job*),
    const Request& request, v1::WorkerKind kind,
    const v1::DatasetVersion& version) {
  const std::string& request_id = request.request_id();
  JobBook book;
  book.kind = kind;
  book.dataset = version.dataset();
  book.version = version.version();
  ledger_.SubmitBegins(request_id, book);
  const int tries = Tries();
  const absl::StatusOr<v1::Job> job =
      patience_.Insist(tries, [&] { return client_.Call(method, request); });
  if (!job.ok()) {
    Failed("the request " + request_id, job.status(), tries);
    return std::nullopt;
  }
  ledger_.SubmitSettled(request_id, job->id());
  again_.push_back([this, method, request] {
    const absl::StatusOr<v1::Job> same =
        patience_.Insist(0, [&] { return client_.Call(method, request); });
    if (same.ok()) {
      ledger_.SubmitSettled(request.request_id(), same->id());
    } else {
      Failed("the repeated request " + request.request_id(), same.status(), 0);
    }
  });
  if (OneIn(4)) again_.back()();
  return Submitted{request_id, job->id()};
}

std::optional<Submitted> User::Extract(const v1::DatasetVersion& version,
                                       const std::string& cut) {
  v1::ExtractRequest request;
  request.set_dataset(version.dataset());
  request.set_version(version.version());
  request.set_backbone(kBackbone);
  request.set_cut(cut);
  request.set_request_id(NextRequestId());
  return Submit(&v1::FeatureService::Stub::Extract, request, v1::EXTRACTION,
                version);
}

v1::TrainRequest User::TrainingOn(const v1::DatasetVersion& version,
                                  const std::string& cut) const {
  v1::TrainRequest request;
  request.set_dataset(version.dataset());
  request.set_version(version.version());
  request.set_backbone(kBackbone);
  request.set_cut(cut);
  request.set_model(name_);
  request.set_positive("melanoma");
  return request;
}

std::optional<Submitted> User::Train(const v1::DatasetVersion& version,
                                     const std::string& cut) {
  v1::TrainRequest request = TrainingOn(version, cut);
  request.set_hidden(0);
  request.set_seed(static_cast<uint64_t>(Below(1000)));
  request.set_request_id(NextRequestId());
  return Submit(&v1::TrainingService::Stub::Train, request, v1::TRAINING,
                version);
}

std::optional<Submitted> User::Evaluate(int64_t model_version,
                                        const v1::DatasetVersion& version) {
  v1::EvaluateRequest request;
  request.set_model(name_);
  request.set_model_version(model_version);
  request.set_dataset(version.dataset());
  request.set_dataset_version(version.version());
  request.set_split("validation");
  request.set_request_id(NextRequestId());
  return Submit(&v1::TrainingService::Stub::Evaluate, request, v1::EVALUATION,
                version);
}

std::optional<Submitted> User::RunPipeline(const v1::DatasetVersion& version,
                                           const std::string& cut) {
  v1::RunPipelineRequest request;
  *request.mutable_train() = TrainingOn(version, cut);
  v1::Sweep& sweep = *request.mutable_train()->mutable_sweep();
  for (int hidden : {0, 4}) sweep.add_hidden(hidden);
  for (uint64_t seed : {1, 2}) sweep.add_seed(seed);
  request.set_request_id(NextRequestId());
  JobBook book;
  book.dataset = version.dataset();
  book.version = version.version();
  // model.proto does not name the ids of the three; training_service.cc does.
  const std::pair<std::string, v1::WorkerKind> kJobs[] = {
      {request.request_id() + "/extract", v1::EXTRACTION},
      {request.request_id() + "/train", v1::TRAINING},
      {request.request_id() + "/evaluate", v1::EVALUATION}};
  for (const auto& [id, kind] : kJobs) {
    book.kind = kind;
    book.candidates =
        kind == v1::TRAINING ? sweep.hidden_size() * sweep.seed_size() : 0;
    ledger_.SubmitBegins(id, book);
  }
  const auto ask = [=](int tries) -> absl::StatusOr<v1::RunPipelineResponse> {
    ASSIGN_OR_RETURN(
        const v1::RunPipelineResponse answer, patience_.Insist(tries, [&] {
          return client_.Call(&v1::TrainingService::Stub::RunPipeline, request);
        }));
    if (answer.jobs_size() != 3) {
      return absl::InternalError(
          absl::StrCat("answered with ", answer.jobs_size(), " jobs, not 3"));
    }
    for (int i = 0; i < 3; ++i) {
      ledger_.SubmitSettled(kJobs[i].first, answer.jobs(i).id());
    }
    return answer;
  };
  const int tries = Tries();
  const auto jobs = ask(tries);
  if (!jobs.ok()) {
    Failed("the pipeline " + request.request_id(), jobs.status(), tries);
    return std::nullopt;
  }
  again_.push_back([this, ask, id = request.request_id()] {
    const absl::Status same = ask(0).status();
    if (!same.ok()) Failed("the repeated pipeline " + id, same, 0);
  });
  if (OneIn(4)) again_.back()();
  return Submitted{kJobs[2].first, jobs->jobs(2).id()};
}

void User::Promote(int64_t model_version) {
  v1::PromoteModelRequest request;
  request.set_model(name_);
  request.set_version(model_version);
  request.set_alias(kAlias);
  request.set_request_id(NextRequestId());
  const std::string alias = absl::StrCat(name_, "@", kAlias);
  const int tries = Tries();
  ledger_.PromoteBegins(alias, model_version);
  const absl::StatusOr<v1::Alias> moved = patience_.Insist(tries, [&] {
    return client_.Call(&v1::ModelService::Stub::PromoteModel, request);
  });
  if (!moved.ok()) {
    Failed("promoting " + name_, moved.status(), tries);
  } else if (moved->version() != model_version) {
    ledger_.Finding(absl::StrCat("the promotion of ", name_, "@", model_version,
                                 " was answered with version ",
                                 moved->version()));
  } else {
    ledger_.PromoteSettled(alias, model_version);
  }
}

void User::Cancel(const Submitted& job) {
  v1::CancelJobRequest request;
  request.set_id(job.id);
  request.set_request_id(NextRequestId());
  const int tries = Tries();
  ledger_.CancelBegins(job.request_id);
  const absl::StatusOr<v1::Job> ended = patience_.Insist(tries, [&] {
    return client_.Call(&v1::JobService::Stub::CancelJob, request);
  });
  if (ended.ok() && ended->state() == v1::CANCELLED) {
    ledger_.CancelSettled(job.request_id, true);
  } else if (ended.ok()) {
    ledger_.Finding(absl::StrCat("the cancellation of ", job.id,
                                 " was answered with ",
                                 v1::JobState_Name(ended->state())));
  } else if (ReasonOf(ended.status()) == "JOB_ENDED") {
    ledger_.CancelSettled(job.request_id, false);
  } else {
    Failed("the cancellation of " + job.id, ended.status(), tries);
  }
}

std::optional<v1::Job> User::Await(const Submitted& job) {
  absl::StatusOr<v1::Job> ended = WatchToTheEnd(client_, patience_, job.id);
  if (ended.ok()) return *std::move(ended);
  ledger_.Finding(
      absl::StrCat("watching ", job.id, ": ", ended.status().ToString()));
  return std::nullopt;
}

void User::AskAgain() {
  constexpr size_t kSome = 10;
  std::shuffle(again_.begin(), again_.end(), random_);
  for (size_t i = 0; i < std::min(kSome, again_.size()); ++i) again_[i]();
}

}  // namespace nevus::chaos
