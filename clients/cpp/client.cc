#include "clients/cpp/client.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"

namespace nevus {
namespace {

absl::Status Unreachable(const std::string& service, const std::string& address,
                         const std::string& cause) {
  if (address.empty()) {
    return WithReason(
        absl::UnavailableError(absl::StrCat(
            "the service ", service,
            " has no address; add it to --server or NEVUS_SERVER, such as ",
            service, "=127.0.0.1:7700")),
        "SERVER_UNREACHABLE", {{"service", service}});
  }
  return WithReason(
      absl::UnavailableError(absl::StrCat(
          "no answer from ", Quoted(address), " (", service, "): ", cause,
          ". Start a server with `nevusd --data DIR --listen ", address,
          "`, or name the right one with --server HOST:PORT or NEVUS_SERVER")),
      "SERVER_UNREACHABLE", {{"service", service}, {"address", address}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Create(
    const std::string& server, const ClientOptions& options) {
  ASSIGN_OR_RETURN(const ServiceAddresses addresses,
                   ServiceAddresses::Parse(server));
  auto client = std::unique_ptr<Client>(new Client(options));

  std::map<std::string, std::shared_ptr<grpc::Channel>> channels;
  const auto connect = [&](const std::string& service, auto& peer,
                           const auto& new_stub) {
    auto link = std::make_shared<Link>();
    link->service = service;
    link->address = addresses.Find(service);
    std::shared_ptr<grpc::Channel>& channel = channels[link->address];
    if (channel == nullptr) channel = ConnectTo(link->address);
    link->channel = channel;
    peer.link = std::move(link);
    peer.stub = new_stub(channel, grpc::StubOptions());
  };
  auto& peers = client->peers_;
  connect("ingestion", std::get<0>(peers), v1::DatasetService::NewStub);
  connect("registry", std::get<1>(peers), v1::BackboneService::NewStub);
  connect("extraction", std::get<2>(peers), v1::FeatureService::NewStub);
  connect("scheduler", std::get<3>(peers), v1::JobService::NewStub);
  connect("training", std::get<4>(peers), v1::TrainingService::NewStub);
  connect("registry", std::get<5>(peers), v1::ModelService::NewStub);
  connect("serving", std::get<6>(peers), v1::PredictionService::NewStub);
  connect("serving", std::get<7>(peers), v1::PredictionLogService::NewStub);
  return client;
}

absl::Status Client::WaitForServer(const Link& link) const {
  if (link.address.empty()) return Unreachable(link.service, "", "");
  if (link.channel->GetState(/*try_to_connect=*/true) == GRPC_CHANNEL_READY) {
    return absl::OkStatus();
  }
  if (link.channel->WaitForConnected(DeadlineAfter(options_.connect_timeout))) {
    return absl::OkStatus();
  }
  return Unreachable(
      link.service, link.address,
      absl::StrCat("waited ", absl::FormatDuration(options_.connect_timeout)));
}

absl::Status Client::ToStatus(const Link& link, const grpc::Status& status) {
  const absl::Status result = FromGrpc(status);
  // Without a reason it is gRPC that speaks, not a server of ours. CANCELLED,
  // when we did not cancel, is what a call gets that comes as the server ends.
  if ((absl::IsUnavailable(result) || absl::IsCancelled(result)) &&
      ReasonOf(result).empty()) {
    return Unreachable(link.service, link.address,
                       std::string(result.message()));
  }
  if (absl::IsUnimplemented(result) && ReasonOf(result).empty()) {
    return WithReason(
        absl::UnimplementedError(absl::StrCat(
            "the server ", Quoted(link.address), " (", link.service,
            ") does not know this call: it is older than this client. Run "
            "nevusd and its clients in the same version")),
        "CALL_UNKNOWN");
  }
  return result;
}

}  // namespace nevus
