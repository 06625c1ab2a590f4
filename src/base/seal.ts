/** Hides texts from whoever finds their files. Each is opened under the name it was sealed for. */
export interface Seal {
  seal(name: string, text: string): string;
  open(name: string, text: string): string;
}
