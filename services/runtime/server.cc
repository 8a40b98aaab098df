#include "services/runtime/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/name.h"
#include "base/rpc/trace_interceptors.h"
#include "base/status.h"

namespace nevus {
namespace {

// Each running call of the synchronous API holds a thread: workers that wait
// for a task (500 at most, docs/operations.md), trainings that read features
// (peer_reads.cc: four calls each) and clients.
constexpr int kMaxThreads = 1000;
// Threads that may wait for the next call. By default two, and a further one
// ends with its call, so that with sixteen clients each call made a thread.
constexpr int kMaxPollers = 16;

// A client that asks one thing after the other has asked again by then, and has
// the service's refusal.
constexpr absl::Duration kQuiet = absl::Milliseconds(50);
// Clients that ask again and again do not hold the end up.
constexpr absl::Duration kLongestLinger = absl::Seconds(1);

// The gRPC services of a service, as health knows them.
std::vector<const char*> GrpcNames(const std::string& service) {
  if (service == "ingestion") return {"nevus.v1.DatasetService"};
  if (service == "extraction") return {"nevus.v1.FeatureService"};
  if (service == "training") return {"nevus.v1.TrainingService"};
  if (service == "registry") {
    return {"nevus.v1.BackboneService", "nevus.v1.ModelService"};
  }
  if (service == "serving") {
    return {"nevus.v1.PredictionService", "nevus.v1.PredictionLogService",
            "inference.GRPCInferenceService"};
  }
  if (service == "scheduler") {
    return {"nevus.v1.JobService", "nevus.v1.WorkerService"};
  }
  return {"nevus.v1.SystemService"};
}

}  // namespace

absl::Status CheckListenAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  const std::string host =
      colon == std::string::npos ? "" : address.substr(0, colon);
  if (host == "localhost" || host == "[::1]" ||
      absl::StartsWith(host, "127.")) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "cannot listen on ", Quoted(address),
          ": without TLS only loopback is served; use 127.0.0.1:PORT, and a "
          "tunnel that encrypts and authenticates for other machines")),
      "LISTEN_NEEDS_TLS");
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const Options& options,
    const std::map<std::string, HostedService*>& services) {
  RETURN_IF_ERROR(CheckListenAddress(options.listen));
  static const bool reflection = [] {
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)reflection;

  auto result = std::unique_ptr<Server>(new Server);
  std::set<std::string> names;
  for (const auto& [name, service] : services) {
    for (const char* full_name : GrpcNames(name)) names.insert(full_name);
  }
  result->health_ = std::make_unique<Health>(std::move(names));
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  grpc::ResourceQuota quota("nevusd");
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kMaxPollers);
  // Without this a second server would share the port and get half the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(),
                           &result->port_);
  auto interceptors = ServerTraceInterceptors();
  interceptors.push_back(result->calls_.NewCounter());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  for (const auto& [name, service] : services) {
    for (grpc::Service* grpc_service : service->grpc_services()) {
      builder.RegisterService(grpc_service);
    }
  }
  builder.RegisterService(result->health_.get());
  result->server_ = builder.BuildAndStart();
  if (result->server_ == nullptr || result->port_ == 0) {
    return WithReason(
        absl::UnavailableError(absl::StrCat(
            "cannot listen on ", options.listen,
            ": is another nevusd running there? Choose another port")),
        "PORT_TAKEN");
  }
  return result;
}

Server::~Server() {
  if (server_ != nullptr) Shutdown(absl::ZeroDuration());
}

void Server::StopServing() { health_->StopServing(); }

void Server::Shutdown(absl::Duration drain) {
  const Stopwatch watch;
  health_->EndWatches();
  calls_.AwaitQuiet(kQuiet, std::min(drain, kLongestLinger));
  server_->Shutdown(DeadlineAfter(drain - absl::Seconds(watch.Seconds())));
}

}  // namespace nevus
