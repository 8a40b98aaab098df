#include "tests/chaos/kill_observe.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"

namespace nevus::chaos {
namespace {

constexpr int kPage = 100;
constexpr size_t kImagesInRequest = 1000;

class Observer {
 public:
  explicit Observer(Client& client) : client_(client) {}

  Observed Take() {
    Note("the datasets", ReadDatasets());
    Note("the images", ReadImages());
    Note("the jobs", ReadAllJobs());
    Note("the feature spaces", ReadSpaces());
    Note("the models", ReadModels());
    Note("the aliases", ReadAliases());
    ReadEvaluations();
    return std::move(seen_);
  }

 private:
  void Note(const std::string& what, const absl::Status& status) {
    if (status.ok()) return;
    seen_.problems.push_back(
        absl::StrCat(what, " cannot be read: ", status.ToString()));
  }

  absl::StatusOr<std::vector<v1::Example>> ReadRows(const std::string& dataset,
                                                    int64_t version) {
    v1::ReadExamplesRequest request;
    request.set_dataset(dataset);
    request.set_version(version);
    std::vector<v1::Example> rows;
    RETURN_IF_ERROR(
        client_.Read(&v1::DatasetService::Stub::ReadExamples, request,
                     [&](const v1::ReadExamplesResponse& response) {
                       rows.insert(rows.end(), response.examples().begin(),
                                   response.examples().end());
                       return absl::OkStatus();
                     }));
    for (const v1::Example& row : rows) images_.insert(row.image_digest());
    return rows;
  }

  absl::Status ReadDatasets() {
    v1::ListDatasetsRequest request;
    request.set_page_size(kPage);
    do {
      ASSIGN_OR_RETURN(
          const v1::ListDatasetsResponse page,
          client_.Call(&v1::DatasetService::Stub::ListDatasets, request));
      for (const v1::Dataset& dataset : page.datasets()) {
        ObservedDataset& seen = seen_.datasets[dataset.name()];
        ASSIGN_OR_RETURN(seen.draft, ReadRows(dataset.name(), 0));
        for (const v1::DatasetVersion& version : dataset.versions()) {
          ASSIGN_OR_RETURN(std::vector<v1::Example> rows,
                           ReadRows(dataset.name(), version.version()));
          seen.versions.push_back({version, std::move(rows)});
        }
        if (dataset.draft_examples() !=
            static_cast<int64_t>(seen.draft.size())) {
          seen_.problems.push_back(
              absl::StrCat("the draft of ", dataset.name(), " says ",
                           dataset.draft_examples(), " examples and has ",
                           seen.draft.size()));
        }
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return absl::OkStatus();
  }

  // That each image of a row is there with the bytes that its name promises.
  absl::Status ReadImages() {
    const std::vector<std::string> all(images_.begin(), images_.end());
    for (size_t at = 0; at < all.size(); at += kImagesInRequest) {
      const size_t end = std::min(all.size(), at + kImagesInRequest);
      v1::ReadImagesRequest request;
      *request.mutable_digests() = {all.begin() + at, all.begin() + end};
      size_t next = at;
      RETURN_IF_ERROR(client_.Read(
          &v1::DatasetService::Stub::ReadImages, request,
          [&](const v1::ReadImagesResponse& response) {
            const std::string& wanted = all[std::min(next++, end - 1)];
            if (response.digest() == wanted &&
                Sha256Hex(response.image()) == wanted) {
              return absl::OkStatus();
            }
            return absl::DataLossError(
                absl::StrCat("the image ", wanted, " came with other bytes"));
          }));
      if (next != end) {
        return absl::DataLossError(absl::StrCat(
            next - at, " images came where ", end - at, " were asked for"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadAllJobs() {
    ASSIGN_OR_RETURN(seen_.jobs, ReadJobs(client_));
    for (const v1::Job& job : seen_.jobs) {
      if (job.kind() != v1::TRAINING || job.state() != v1::SUCCEEDED) continue;
      for (const v1::Task& task : job.tasks()) {
        RETURN_IF_ERROR(ReadCheckpoint(job.id(), task.index()));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadCheckpoint(const std::string& job, int task) {
    v1::ReadCheckpointRequest request;
    request.set_job(job);
    request.set_task(task);
    const absl::Status read =
        client_.Call(&v1::ModelService::Stub::ReadCheckpoint, request).status();
    if (ReasonOf(read) == "CHECKPOINT_NOT_FOUND") return absl::OkStatus();
    RETURN_IF_ERROR(read);
    seen_.checkpoints.push_back(absl::StrCat(job, ", task ", task));
    return absl::OkStatus();
  }

  absl::Status ReadSpaces() {
    ASSIGN_OR_RETURN(const v1::ListFeatureSpacesResponse list,
                     client_.Call(&v1::FeatureService::Stub::ListFeatureSpaces,
                                  v1::ListFeatureSpacesRequest()));
    for (const v1::FeatureSpace& space : list.spaces()) {
      v1::FindMissingRequest request;
      request.set_space(space.digest());
      *request.mutable_image_digests() = {images_.begin(), images_.end()};
      ASSIGN_OR_RETURN(
          const v1::FindMissingResponse missing,
          client_.Call(&v1::FeatureService::Stub::FindMissing, request));
      std::set<std::string> present = images_;
      for (const std::string& digest : missing.image_digests()) {
        present.erase(digest);
      }
      RETURN_IF_ERROR(ReadFeatures(space, present));
      seen_.spaces[space.digest()] = {space, std::move(present)};
    }
    return absl::OkStatus();
  }

  // That each feature reads back, once, of the right length and finite.
  absl::Status ReadFeatures(const v1::FeatureSpace& space,
                            const std::set<std::string>& images) {
    v1::ReadFeaturesRequest request;
    request.set_space(space.digest());
    *request.mutable_image_digests() = {images.begin(), images.end()};
    auto next = images.begin();
    RETURN_IF_ERROR(client_.Read(
        &v1::FeatureService::Stub::ReadFeatures, request,
        [&](const v1::ReadFeaturesResponse& response) {
          for (const v1::Feature& feature : response.features()) {
            const bool whole =
                next != images.end() && feature.image_digest() == *next &&
                feature.values_size() == space.dimension() &&
                std::all_of(feature.values().begin(), feature.values().end(),
                            [](float value) { return std::isfinite(value); });
            if (!whole) {
              return absl::DataLossError(
                  absl::StrCat("the feature of ", feature.image_digest(),
                               " is not what was asked for"));
            }
            ++next;
          }
          return absl::OkStatus();
        }));
    if (next == images.end()) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat("the feature of ", *next, " did not come"));
  }

  absl::Status ReadModels() {
    v1::ListModelsRequest request;
    request.set_page_size(kPage);
    do {
      ASSIGN_OR_RETURN(
          const v1::ListModelsResponse page,
          client_.Call(&v1::ModelService::Stub::ListModels, request));
      for (const v1::Model& listed : page.models()) {
        // Whole, with its head: the registry checks its digest.
        v1::GetModelRequest get;
        get.set_name(listed.name());
        get.set_version(listed.version());
        ASSIGN_OR_RETURN(v1::Model model,
                         client_.Call(&v1::ModelService::Stub::GetModel, get));
        seen_.models.push_back(std::move(model));
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return absl::OkStatus();
  }

  absl::Status ReadAliases() {
    ASSIGN_OR_RETURN(const v1::ListAliasesResponse list,
                     client_.Call(&v1::ModelService::Stub::ListAliases,
                                  v1::ListAliasesRequest()));
    seen_.aliases = {list.aliases().begin(), list.aliases().end()};
    return absl::OkStatus();
  }

  // The evaluation of every model on what it was trained from, as the load asks
  // for it.
  void ReadEvaluations() {
    for (const v1::Model& model : seen_.models) {
      v1::GetEvaluationRequest request;
      request.set_model(model.name());
      request.set_model_version(model.version());
      request.set_dataset(model.lineage().dataset());
      request.set_dataset_version(model.lineage().dataset_version());
      request.set_split("validation");
      absl::StatusOr<v1::Evaluation> evaluation =
          client_.Call(&v1::ModelService::Stub::GetEvaluation, request);
      if (evaluation.ok()) {
        seen_.evaluations.push_back(*std::move(evaluation));
      } else if (!absl::IsNotFound(evaluation.status())) {
        Note("an evaluation", evaluation.status());
      }
    }
  }

  Client& client_;
  Observed seen_;
  std::set<std::string> images_;
};

}  // namespace

absl::StatusOr<std::vector<v1::Job>> ReadJobs(Client& client) {
  std::vector<v1::Job> jobs;
  v1::ListJobsRequest request;
  request.set_page_size(kPage);
  do {
    ASSIGN_OR_RETURN(const v1::ListJobsResponse page,
                     client.Call(&v1::JobService::Stub::ListJobs, request));
    for (const v1::Job& listed : page.jobs()) {
      v1::GetJobRequest get;
      get.set_id(listed.id());
      ASSIGN_OR_RETURN(v1::Job job,
                       client.Call(&v1::JobService::Stub::GetJob, get));
      jobs.push_back(std::move(job));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return jobs;
}

Observed Observe(Client& client) { return Observer(client).Take(); }

}  // namespace nevus::chaos
