#include "services/extraction/space_users.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "protos/nevus/v1/backbone.grpc.pb.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/peer_call.h"

namespace nevus {
namespace {

// The contract's most.
constexpr int kPage = 1000;

// Calls `visit` with each page's response, until it returns false.
template <typename Request, typename Stub, typename Method, typename Visit>
absl::Status EachPage(Stub& stub, Method method,
                      const grpc::ServerContext* caller, const Visit& visit) {
  Request request;
  request.set_page_size(kPage);
  do {
    ASSIGN_OR_RETURN(const auto response,
                     CallPeer(stub, method, request, caller));
    if (!visit(response)) break;
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

using ModelsBySpace = std::map<std::string, std::vector<std::string>>;

absl::StatusOr<ModelsBySpace> ListModels(const Peers& peers,
                                         const grpc::ServerContext* caller) {
  const auto registry = v1::ModelService::NewStub(peers.ChannelTo("registry"));
  ModelsBySpace models;
  RETURN_IF_ERROR(EachPage<v1::ListModelsRequest>(
      *registry, &v1::ModelService::Stub::ListModels, caller,
      [&](const v1::ListModelsResponse& page) {
        for (const v1::Model& model : page.models()) {
          models[model.space().digest()].push_back(
              absl::StrCat(model.name(), "@", model.version()));
        }
        return true;
      }));
  return models;
}

absl::StatusOr<std::map<std::string, std::string>> ListBackbones(
    const Peers& peers, const grpc::ServerContext* caller) {
  const auto registry =
      v1::BackboneService::NewStub(peers.ChannelTo("registry"));
  std::map<std::string, std::string> names;  // by digest
  RETURN_IF_ERROR(EachPage<v1::ListBackbonesRequest>(
      *registry, &v1::BackboneService::Stub::ListBackbones, caller,
      [&](const v1::ListBackbonesResponse& page) {
        for (const v1::Backbone& backbone : page.backbones()) {
          names[backbone.digest()] = backbone.name();
        }
        return true;
      }));
  return names;
}

bool HasEnded(const v1::Job& job) {
  return job.state() == v1::SUCCEEDED || job.state() == v1::FAILED ||
         job.state() == v1::CANCELLED;
}

bool Uses(const v1::Job& job, const std::string& space) {
  return std::any_of(job.tasks().begin(), job.tasks().end(),
                     [&](const v1::Task& task) {
                       return task.spec().extract().space() == space ||
                              task.spec().train().space() == space;
                     });
}

absl::Status InUse(const std::string& space, const std::string& user,
                   const std::string& remedy) {
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        "feature space ", space, " cannot be deleted: ", user,
                        " needs it; only what nothing needs can. ", remedy)),
                    "FEATURE_SPACE_IN_USE",
                    {{"feature_space", space}, {"user", user}});
}

// One that has not ended and whose tasks name the space; "" if there is none.
absl::StatusOr<std::string> FindJob(const Peers& peers,
                                    const std::string& space,
                                    const grpc::ServerContext* caller) {
  const auto scheduler = v1::JobService::NewStub(peers.ChannelTo("scheduler"));
  std::vector<std::string> running;  // a list has no tasks
  RETURN_IF_ERROR(EachPage<v1::ListJobsRequest>(
      *scheduler, &v1::JobService::Stub::ListJobs, caller,
      [&](const v1::ListJobsResponse& page) {
        for (const v1::Job& job : page.jobs()) {
          if (!HasEnded(job)) running.push_back(job.id());
        }
        return true;
      }));
  for (const std::string& id : running) {
    v1::GetJobRequest get;
    get.set_id(id);
    const absl::StatusOr<v1::Job> job =
        CallPeer(*scheduler, &v1::JobService::Stub::GetJob, get, caller);
    if (absl::IsNotFound(job.status())) continue;  // ended and pruned since
    RETURN_IF_ERROR(job.status());
    if (!HasEnded(*job) && Uses(*job, space)) return id;
  }
  return "";
}

}  // namespace

absl::Status NameUsers(const Peers& peers, const grpc::ServerContext* caller,
                       std::vector<v1::FeatureSpace>& spaces) {
  ASSIGN_OR_RETURN(const auto backbones, ListBackbones(peers, caller));
  ASSIGN_OR_RETURN(const ModelsBySpace models, ListModels(peers, caller));
  for (v1::FeatureSpace& space : spaces) {
    const auto name = backbones.find(space.backbone_digest());
    if (name != backbones.end()) space.set_backbone(name->second);
    const auto users = models.find(space.digest());
    if (users == models.end()) continue;
    *space.mutable_models() = {users->second.begin(), users->second.end()};
  }
  return absl::OkStatus();
}

absl::Status CheckUnused(const Peers& peers, const std::string& space,
                         const grpc::ServerContext* caller) {
  ASSIGN_OR_RETURN(const ModelsBySpace models, ListModels(peers, caller));
  const auto users = models.find(space);
  if (users != models.end()) {
    return InUse(space, absl::StrCat("model ", users->second.front()),
                 "`nevus features list` says which models need a space");
  }
  ASSIGN_OR_RETURN(const std::string job, FindJob(peers, space, caller));
  if (job.empty()) return absl::OkStatus();
  return InUse(space, absl::StrCat("job ", job),
               "Let the job end or cancel it first");
}

}  // namespace nevus
