// One search field with completion, and the views that this browser keeps.
export default {
  template: `
  <div class="search" role="search">
    <i class="material-icons" aria-hidden="true">search</i>
    <input class="in" data-search type="text" role="combobox" aria-autocomplete="list" :aria-label="label"
           aria-controls="search-hints" :aria-expanded="shown.length > 0" :aria-activedescendant="shown.length && at >= 0 ? 'hint-' + at : null"
           autocomplete="off" autocapitalize="off" spellcheck="false" :placeholder="placeholder" v-model="text"
           @input="hint" @focus="hint" @blur="later" @keydown="key">
    <button v-if="text" type="button" class="icon-btn clear" aria-label="Clear the search" @click="clear"><i class="material-icons" aria-hidden="true">close</i></button>
    <ul v-show="shown.length" class="hints" id="search-hints" role="listbox" aria-label="Completions">
      <li v-for="(h, i) in shown" :key="h.text" :id="'hint-' + i" role="option" :aria-selected="i === at" :class="{ at: i === at }"
          @mousedown.prevent="take(h)"><code>{{ h.text }}</code><span>{{ h.note }}</span></li>
    </ul>
  </div>`,
  props: { value: String, completions: Array, label: String, placeholder: String },
  emits: ["search", "begun"],
  data() {
    return { text: this.value, shown: [], at: -1, asking: null };
  },
  watch: {
    value(now) {
      this.text = now;
    },
  },
  methods: {
    word() {
      return this.text.slice(this.text.lastIndexOf(" ") + 1);
    },
    hint() {
      const word = this.word().toLowerCase();
      const colon = word.includes(":");
      this.shown = this.completions
        .filter((each) => each.text.startsWith(word) && each.text !== word && (colon || each.text.endsWith(":") || word.length > 1))
        .slice(0, 12);
      this.at = -1;
      clearTimeout(this.asking);
      if (colon && !this.shown.length) this.asking = setTimeout(() => this.$emit("begun", this.word()), 120);
    },
    // What the server knows besides, for a word that is still the last one.
    offer(word, hints) {
      if (word === this.word() && this.$el.contains(document.activeElement)) this.shown = hints.filter((each) => each.text !== word);
    },
    take(hint) {
      const before = this.text.slice(0, this.text.lastIndexOf(" ") + 1);
      const more = hint.text.endsWith(":");
      this.text = before + hint.text + (more ? "" : " ");
      if (more) this.hint();
      else this.send();
    },
    later() {
      clearTimeout(this.asking);
      setTimeout(() => (this.shown = []), 120);
    },
    clear() {
      this.text = "";
      this.send();
    },
    send() {
      clearTimeout(this.asking);
      this.shown = [];
      this.$emit("search", this.text.trim());
    },
    key(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && this.shown.length) this.at = (this.at + step + this.shown.length) % this.shown.length;
      else if ((event.key === "Tab" || event.key === "Enter") && this.at >= 0 && this.shown.length) this.take(this.shown[this.at]);
      else if (event.key === "Tab" && this.shown.length && this.word()) this.take(this.shown[0]);
      else if (event.key === "Enter") this.send();
      else if (event.key === "Escape" && this.shown.length) this.shown = [];
      else return;
      if (event.key === "Escape") event.stopPropagation();
      event.preventDefault();
    },
  },
};
