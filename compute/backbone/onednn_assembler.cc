#include "compute/backbone/onednn_assembler.h"

#include <algorithm>
#include <set>
#include <string>

#include "compute/backbone/omp_threads.h"
#include "compute/backbone/onednn_convolution.h"

namespace nevus {

using dnnl::memory;

memory::desc WithType(memory::desc desc, memory::data_type type) {
  desc.data.data_type = memory::convert_to_c(type);
  return desc;
}

OnednnValue OnednnAssembler::Callers(const memory::desc& desc) const {
  return {memory(desc, program_.engine, DNNL_MEMORY_NONE)};
}

OnednnValue OnednnAssembler::New(const memory::desc& desc) {
  const int now = program_.steps.size();
  Buffer buffer;
  buffer.use = {desc.get_size(), now, now};
  buffers_.push_back(std::move(buffer));
  return Tenant(static_cast<int>(buffers_.size()) - 1, desc);
}

OnednnValue OnednnAssembler::InPlaceOf(const OnednnValue& value,
                                       const memory::desc& desc) {
  return Tenant(value.buffer, desc);
}

OnednnValue OnednnAssembler::Tenant(int buffer, const memory::desc& desc) {
  const OnednnValue value{memory(desc, program_.engine, DNNL_MEMORY_NONE),
                          buffer};
  buffers_[buffer].tenants.push_back(value.mem);
  return value;
}

bool OnednnAssembler::MayOverwrite(const OnednnValue& value) const {
  if (value.buffer == OnednnValue::kCallers) return false;
  const Buffer& buffer = buffers_[value.buffer];
  return buffer.parent == OnednnValue::kCallers && !buffer.has_parts;
}

bool OnednnAssembler::MayNest(const std::vector<OnednnValue>& parts) const {
  std::set<int> buffers;
  return std::all_of(parts.begin(), parts.end(), [&](const OnednnValue& part) {
    return part.buffer != OnednnValue::kCallers &&
           buffers_[part.buffer].parent == OnednnValue::kCallers &&
           buffers_[part.buffer].use.bytes == part.desc().get_size() &&
           buffers.insert(part.buffer).second;
  });
}

void OnednnAssembler::Nest(const std::vector<OnednnValue>& parts,
                           const OnednnValue& whole) {
  size_t offset = 0;
  for (const OnednnValue& part : parts) {
    buffers_[part.buffer].parent = whole.buffer;
    buffers_[part.buffer].offset = offset;
    offset += part.desc().get_size();
  }
  buffers_[whole.buffer].has_parts = true;
}

void OnednnAssembler::Reorder(const OnednnNetwork::Step& info,
                              const OnednnValue& from, const OnednnValue& to,
                              float scale) {
  dnnl::primitive_attr attributes = OwnScratchpad();
  if (scale != 1) attributes.set_output_scales(/*mask=*/0, {scale});
  const dnnl::reorder::primitive_desc plan(engine(), from.desc(), engine(),
                                           to.desc(), attributes);
  Add(info, plan, dnnl::reorder(plan), {from}, to,
      {{DNNL_ARG_FROM, from.mem}, {DNNL_ARG_TO, to.mem}});
}

OnednnValue OnednnAssembler::InLayout(const OnednnNetwork::Step& info,
                                      const OnednnValue& value,
                                      const memory::desc& wanted) {
  if (value.desc() == wanted) return value;
  const OnednnValue moved = New(wanted);
  Reorder(info, value, moved);
  return moved;
}

void OnednnAssembler::AddWinograd(
    OnednnNetwork::Step info,
    std::shared_ptr<const WinogradConvolution> winograd,
    const OnednnValue& reads, const OnednnValue& writes) {
  info.kernel = std::string("nevus:winograd_4x3:") + winograd->instructions();
  program_.constant_bytes += winograd->constant_bytes();
  const memory::desc scratch(
      {static_cast<memory::dim>(winograd->scratch_floats())},
      memory::data_type::f32, memory::format_tag::x);
  AddStep({std::move(info),
           {},
           std::move(winograd),
           {{DNNL_ARG_SRC, reads.mem}, {DNNL_ARG_DST, writes.mem}},
           writes.mem},
          scratch, {reads}, writes);
}

void OnednnAssembler::AddStep(OnednnProgram::Step step,
                              const memory::desc& scratchpad,
                              const std::vector<OnednnValue>& reads,
                              const OnednnValue& writes) {
  if (scratchpad.get_size() > 0) {
    step.args.emplace(DNNL_ARG_SCRATCHPAD, New(scratchpad).mem);
  }
  for (const OnednnValue& value : reads) Touch(value);
  Touch(writes);
  program_.steps.push_back(std::move(step));
}

void OnednnAssembler::Touch(const OnednnValue& value) {
  if (value.buffer == OnednnValue::kCallers) return;
  buffers_[value.buffer].use.last = program_.steps.size();
}

memory OnednnAssembler::Allocate(const memory::desc& desc) {
  if (desc.get_size() < HugeBuffer::kLeastBytes) {
    return memory(desc, program_.engine);
  }
  program_.buffers.emplace_back(desc.get_size());
  return memory(desc, program_.engine, program_.buffers.back().data());
}

memory OnednnAssembler::Constant(const std::vector<float>& values,
                                 const memory::desc& from,
                                 const memory::desc& to, int mask,
                                 const std::vector<float>& scales) {
  memory constant = Allocate(to);
  const ScopedOmpThreads scope(1);
  memory source(from, engine(), const_cast<float*>(values.data()));
  dnnl::primitive_attr attributes;
  if (!scales.empty()) attributes.set_output_scales(mask, scales);
  dnnl::reorder(
      dnnl::reorder::primitive_desc(engine(), from, engine(), to, attributes))
      .execute(stream_, source, constant);
  stream_.wait();
  program_.constant_bytes += to.get_size();
  return constant;
}

std::pair<int, size_t> OnednnAssembler::RootOf(int buffer) const {
  size_t offset = 0;
  while (buffers_[buffer].parent != OnednnValue::kCallers) {
    offset += buffers_[buffer].offset;
    buffer = buffers_[buffer].parent;
  }
  return {buffer, offset};
}

OnednnProgram OnednnAssembler::Finish(const OnednnValue& image,
                                      const std::vector<OnednnValue>& outputs) {
  // What lies inside of a buffer needs it.
  for (size_t i = 0; i < buffers_.size(); ++i) {
    BufferUse& root = buffers_[RootOf(i).first].use;
    root.first = std::min(root.first, buffers_[i].use.first);
    root.last = std::max(root.last, buffers_[i].use.last);
  }
  std::vector<BufferUse> uses;
  for (const Buffer& buffer : buffers_) {
    uses.push_back(buffer.use);
    if (buffer.parent != OnednnValue::kCallers) uses.back().bytes = 0;
  }
  const BufferPlan plan = PlanBuffers(uses);
  const memory::dim bytes = std::max(plan.bytes, size_t{1});
  program_.arena =
      Allocate({{bytes}, memory::data_type::u8, memory::format_tag::x});
  char* const base = static_cast<char*>(program_.arena.get_data_handle());
  for (size_t i = 0; i < buffers_.size(); ++i) {
    const auto [root, offset] = RootOf(i);
    for (memory& tenant : buffers_[i].tenants) {
      tenant.set_data_handle(base + plan.offsets[root] + offset);
    }
  }
  program_.image = image.mem;
  size_t floats = 0;
  for (const OnednnValue& output : outputs) {
    program_.outputs.emplace_back(output.mem, floats);
    floats += output.desc().get_size() / sizeof(float);
  }
  return std::move(program_);
}

}  // namespace nevus
