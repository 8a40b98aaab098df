// The client library: the contract (protos/nevus/v1) with absl::Status instead
// of grpc::Status, and the calls that are more than one request.
//
// Serves the whole way of the data from outside: the CLI, the harness and other
// programs use it. Knows no storage, no network and no flag.
#ifndef NEVUS_CLIENTS_CPP_CLIENT_H_
#define NEVUS_CLIENTS_CPP_CLIENT_H_

#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/rpc/channel.h"
#include "protos/nevus/v1/backbone.grpc.pb.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"
#include "protos/nevus/v1/feature.grpc.pb.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "protos/nevus/v1/prediction.grpc.pb.h"
#include "protos/nevus/v1/prediction_log.grpc.pb.h"

namespace nevus {

struct ClientOptions {
  // How long a call waits for a server that does not answer yet: one that was
  // started a moment ago, or is being restarted.
  absl::Duration connect_timeout = absl::Seconds(5);
  // For one request and one response. Submitting a job does not wait for it.
  absl::Duration call_timeout = absl::Minutes(2);
  // How long WaitForJob bears with a server that is away.
  absl::Duration reconnect_timeout = absl::Minutes(1);
};

// Thread-safe: any number of threads may call at once. Stubs borrow from the
// client, which must outlive their calls.
class Client {
 public:
  // `server` is "HOST:PORT" or "SERVICE=HOST:PORT,..." (ServiceAddresses). Does
  // not connect: the first call does. INVALID_ARGUMENT: an unusable text.
  static absl::StatusOr<std::unique_ptr<Client>> Create(
      const std::string& server, const ClientOptions& options = {});

  // One request, one response:
  //   client.Call(&v1::DatasetService::Stub::GetDataset, request)
  // A server that cannot be reached is UNAVAILABLE with the reason
  // SERVER_UNREACHABLE, its address, and how to start it; other errors are
  // those of the rpc, with their reason.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request) {
    const Peer<Stub>& peer = std::get<Peer<Stub>>(peers_);
    if (absl::Status status = WaitForServer(*peer.link); !status.ok()) {
      return status;
    }
    grpc::ClientContext context;
    SetTimeout(context, options_.call_timeout);
    Response response;
    absl::Status status = ToStatus(
        *peer.link, (peer.stub.get()->*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  // Reads a server stream to its end, giving each message to `receive` in
  // order; stops early, with its status, when `receive` fails. No deadline.
  template <typename Stub, typename Request, typename Response,
            typename Receive>
  absl::Status Read(std::unique_ptr<grpc::ClientReader<Response>> (
                        Stub::*method)(grpc::ClientContext*, const Request&),
                    const Request& request, const Receive& receive) {
    const Peer<Stub>& peer = std::get<Peer<Stub>>(peers_);
    if (absl::Status status = WaitForServer(*peer.link); !status.ok()) {
      return status;
    }
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<Response>> reader =
        (peer.stub.get()->*method)(&context, request);
    absl::Status received;
    Response response;
    while (received.ok() && reader->Read(&response)) {
      received = receive(response);
    }
    if (!received.ok()) context.TryCancel();
    const grpc::Status ended = reader->Finish();
    return received.ok() ? ToStatus(*peer.link, ended) : received;
  }

  // For streams that send: the stub, after its server has answered; and what
  // the stream's end means. `Stub` is such as v1::DatasetService::Stub.
  template <typename Stub>
  absl::StatusOr<Stub*> Connected() {
    const Peer<Stub>& peer = std::get<Peer<Stub>>(peers_);
    if (absl::Status status = WaitForServer(*peer.link); !status.ok()) {
      return status;
    }
    return peer.stub.get();
  }
  template <typename Stub>
  absl::Status EndOfStream(const grpc::Status& status) const {
    return ToStatus(*std::get<Peer<Stub>>(peers_).link, status);
  }

  const ClientOptions& options() const { return options_; }

 private:
  // Where a service is.
  struct Link {
    std::string service;
    std::string address;
    std::shared_ptr<grpc::Channel> channel;  // shared by services at an address
  };
  template <typename StubType>
  struct Peer {
    std::shared_ptr<const Link> link;  // shared by stubs of one service
    std::unique_ptr<StubType> stub;
  };

  explicit Client(const ClientOptions& options) : options_(options) {}

  absl::Status WaitForServer(const Link& link) const;
  static absl::Status ToStatus(const Link& link, const grpc::Status& status);

  const ClientOptions options_;
  // Set by Create, constant after.
  std::tuple<Peer<v1::DatasetService::Stub>, Peer<v1::BackboneService::Stub>,
             Peer<v1::FeatureService::Stub>, Peer<v1::JobService::Stub>,
             Peer<v1::TrainingService::Stub>, Peer<v1::ModelService::Stub>,
             Peer<v1::PredictionService::Stub>,
             Peer<v1::PredictionLogService::Stub>>
      peers_;
};

}  // namespace nevus

#endif  // NEVUS_CLIENTS_CPP_CLIENT_H_
