// Puts oneDNN's primitives one behind the other and gives their activations
// memory. Knows primitives and buffers, no layers.
#ifndef NEVUS_COMPUTE_BACKBONE_ONEDNN_ASSEMBLER_H_
#define NEVUS_COMPUTE_BACKBONE_ONEDNN_ASSEMBLER_H_

#include <dnnl.hpp>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compute/backbone/buffer_plan.h"
#include "compute/backbone/onednn_program.h"
#include "compute/backbone/winograd.h"

namespace nevus {

// An activation, in one type and layout. Copies name the same one.
struct OnednnValue {
  static constexpr int kCallers = -1;  // image and output: not ours

  dnnl::memory mem;
  int buffer = kCallers;

  dnnl::memory::desc desc() const { return mem.get_desc(); }
};

// `desc` with another type in the same layout.
dnnl::memory::desc WithType(dnnl::memory::desc desc,
                            dnnl::memory::data_type type);

// All methods may throw dnnl::error or std::bad_alloc.
class OnednnAssembler {
 public:
  const dnnl::engine& engine() const { return program_.engine; }

  // Memory that each run is given by its caller.
  OnednnValue Callers(const dnnl::memory::desc& desc) const;
  // A buffer of its own, from the next step on.
  OnednnValue New(const dnnl::memory::desc& desc);
  // The place of `value`, seen as `desc`.
  OnednnValue InPlaceOf(const OnednnValue& value,
                        const dnnl::memory::desc& desc);
  // Whether a step may write over `value` without hurting others; that nobody
  // reads it any more is the caller's to know.
  bool MayOverwrite(const OnednnValue& value) const;

  // Whether each of `parts` fills a buffer that could lie inside another.
  bool MayNest(const std::vector<OnednnValue>& parts) const;
  // From now on `parts` lie in `whole`, one behind the other. REQUIRES:
  // MayNest.
  void Nest(const std::vector<OnednnValue>& parts, const OnednnValue& whole);

  // Steps. `info` lacks the kernel's name only.
  template <typename Plan>
  void Add(OnednnNetwork::Step info, const Plan& plan,
           dnnl::primitive primitive, const std::vector<OnednnValue>& reads,
           const OnednnValue& writes,
           std::unordered_map<int, dnnl::memory> args) {
    info.kernel = plan.impl_info_str();
    AddStep({std::move(info), std::move(primitive), nullptr, std::move(args),
             writes.mem},
            plan.scratchpad_desc(), reads, writes);
  }
  // As Add; both values are fp32 with the channels innermost.
  void AddWinograd(OnednnNetwork::Step info,
                   std::shared_ptr<const WinogradConvolution> winograd,
                   const OnednnValue& reads, const OnednnValue& writes);
  // Each value times `scale`.
  void Reorder(const OnednnNetwork::Step& info, const OnednnValue& from,
               const OnednnValue& to, float scale = 1);
  // `value` itself if it is that, else a copy.
  OnednnValue InLayout(const OnednnNetwork::Step& info,
                       const OnednnValue& value,
                       const dnnl::memory::desc& wanted);

  // Constants are made on one thread: while a model is loaded, others compute
  // on all cores, and their helpers would wait for each other.
  //
  // `values`, laid out as `from`, times `scales` (none: 1), laid out as `to`.
  // `mask`: as dnnl::primitive_attr::set_output_scales.
  dnnl::memory Constant(const std::vector<float>& values,
                        const dnnl::memory::desc& from,
                        const dnnl::memory::desc& to, int mask = 0,
                        const std::vector<float>& scales = {});
  // Gives all buffers their memory. `outputs`, fp32, lie one behind the other.
  // The assembler is used up.
  OnednnProgram Finish(const OnednnValue& image,
                       const std::vector<OnednnValue>& outputs);

 private:
  struct Buffer {
    BufferUse use;
    int parent = OnednnValue::kCallers;  // lies inside of it, at `offset`
    size_t offset = 0;
    bool has_parts = false;
    std::vector<dnnl::memory> tenants;
  };

  // Memory that lives as long as the program.
  dnnl::memory Allocate(const dnnl::memory::desc& desc);
  OnednnValue Tenant(int buffer, const dnnl::memory::desc& desc);
  void AddStep(OnednnProgram::Step step, const dnnl::memory::desc& scratchpad,
               const std::vector<OnednnValue>& reads,
               const OnednnValue& writes);
  void Touch(const OnednnValue& value);
  // The buffer that this one lies in at last, and where.
  std::pair<int, size_t> RootOf(int buffer) const;

  OnednnProgram program_;
  dnnl::stream stream_{program_.engine};
  std::vector<Buffer> buffers_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_ONEDNN_ASSEMBLER_H_
