// A labelled field of a form, with its help and what is wrong with it.
export default {
  template: `
  <div class="field">
    <label v-if="kind !== 'check' && label" :for="name">{{ label }}<span v-if="required" aria-hidden="true"> *</span></label>
    <select v-if="kind === 'choice'" class="in" :id="name" v-model="text" @change="tell" :aria-describedby="name + '-help'">
      <option v-for="o in options" :key="o.value" :value="o.value">{{ o.label }}</option>
    </select>
    <label v-else-if="kind === 'check'" class="check"><input type="checkbox" :checked="text === 'true'" @change="text = String($event.target.checked); tell()">{{ label }}</label>
    <textarea v-else-if="kind === 'code' || kind === 'long'" class="in" :class="kind" :id="name" v-model="text" @input="soon" @change="tell"
              :aria-describedby="name + '-help'" :aria-invalid="!!problem" :spellcheck="kind === 'long'"></textarea>
    <span v-else-if="kind === 'upload'" class="row-line upload">
      <input class="in" :id="name" type="text" v-model="text" @input="soon" @change="tell" placeholder="SHA-256 of an upload" :aria-describedby="name + '-help'" :aria-invalid="!!problem" autocomplete="off">
      <input ref="file" type="file" accept="image/*" hidden @change="$emit('begin')">
      <button type="button" class="btn small" :disabled="sending" @click="$refs.file.click()">{{ sending ? "Uploading…" : "Upload a file" }}</button>
    </span>
    <input v-else-if="kind === 'instant'" class="in" :id="name" type="datetime-local" :value="local(value)" @change="instant" :aria-describedby="name + '-help'" :aria-invalid="!!problem">
    <input v-else class="in" :id="name" :type="kind" v-model="text" @input="soon" @change="tell" :placeholder="placeholder" :list="suggestions.length ? name + '-list' : null"
           :aria-describedby="name + '-help'" :aria-invalid="!!problem" :required="required" :aria-label="label ? null : placeholder" autocomplete="off">
    <datalist v-if="suggestions.length" :id="name + '-list'"><option v-for="s in suggestions" :key="s" :value="s"></option></datalist>
    <span class="help" :id="name + '-help'"><span v-if="problem" class="problem" role="alert">{{ problem }}</span><span v-else-if="refused" class="problem" role="alert">{{ refused }}</span><span v-else>{{ help }}</span></span>
  </div>`,
  props: {
    label: String, kind: String, value: String, help: String, problem: String, required: Boolean,
    options: { type: Array, default: () => [] }, suggestions: { type: Array, default: () => [] }, placeholder: String,
  },
  emits: ["change", "begin"],
  data() {
    return { text: this.value, name: `field-${Math.random().toString(36).slice(2)}`, waiting: null, sending: false, refused: "" };
  },
  watch: {
    value(now) {
      if (now !== this.text) this.text = now;
    },
  },
  methods: {
    soon() {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(this.tell, 120);
    },
    local(iso) {
      if (!iso) return "";
      const at = new Date(iso);
      return new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
    },
    instant(event) {
      this.text = event.target.value ? new Date(event.target.value).toISOString() : "";
      this.tell();
    },
    async send(tenant) {
      const file = this.$refs.file.files[0];
      if (!file) return;
      this.sending = true;
      this.refused = "";
      try {
        const answer = await fetch(`/dashboard/upload?tenant=${encodeURIComponent(tenant)}`, { method: "POST", body: file });
        const said = await answer.json();
        if (answer.ok) this.text = said.uploadId;
        else this.refused = said.detail;
      } catch {
        this.refused = "The file could not be sent.";
      }
      this.sending = false;
      this.$refs.file.value = "";
      this.tell();
    },
    tell() {
      clearTimeout(this.waiting);
      this.$emit("change", String(this.text));
    },
  },
};
